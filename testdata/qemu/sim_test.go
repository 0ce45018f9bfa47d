package qemu

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/testdata/gpt"
)

// questions runs commands in U-Boot and Linux, and notes their answers.
const questions = `
local function ask(s, at, commands)
	for _, cmd in ipairs(commands) do
		local out, code = at:exec(cmd)
		s:log(string.format("%s -> %d: %s", cmd, code, out))
	end
end
function board.flash(s, job)
	s:step("power", function() s.power:cycle() end)
	local ub = s:step("uboot", function() return s:uboot() end)
	s:step("network", function() s:log(ub:dhcp()) end)
	s:step("ask", function() ask(s, ub, {
		"echo one  two", "echo 'a  b' \"c  d\"", "false", "no-such-command", "setenv x 'a b'; echo ${x}; echo $x", "printenv x", "printenv nothing",
		"setenv x", "printenv x", "true && echo yes || echo no", "false || echo no", "if test 1 -eq 1; then echo same; else echo other; fi",
		"if test a = b; then echo a; elif true; then echo b; fi", "for i in a b c; do echo $i; done", "setenv c 'echo run; false'; run c", "run nothing",
		"setenv y \"don''t\"; printenv y", "echo a\\ b", "echo '${x}'", "booti 41000000",
		"printenv ipaddr netmask gatewayip", "printe ipaddr", "env pri ipaddr", "env exi ipaddr", "fals; echo $?", "seten ab 1; printenv ab", "e x",
		"nosuch; echo after", "nosuch; true", "false; true", "true; nosuch", "virtio scan; echo $?", "sleep 0", "test -n \"\" -o 1 = 1",
	}) end)
	s:step("load", function() ub:load() end)
	s:step("files", function() ask(s, ub, { "printenv kernel_addr kernel_size initrd_addr initrd_size filesize", "crc32 ${initrd_addr} ${initrd_size}" }) end)
	local sh = s:step("linux", function() return ub:boot() end)
	s:step("ask", function() ask(s, sh, {
		"cat /proc/cmdline", "uname -s -m", "echo $((7 * 6)) $?", "false", "(exit 42)", "no-such-command", "cat /no/such", "ls /no/such", "echo )",
		"cd /tmp; pwd; cd", "x=1; echo $x", "echo $x", "printf 'a\\nb\\n' | wc -l", "printf abc | sha256sum", "printf abc | md5sum",
		"dd if=/dev/zero of=/dev/null bs=512 count=4 2>&1 | head -n 2", "dd if=/dev/no of=/dev/null", "dd if=/dev/vda bs=511 count=1 iflag=direct of=/dev/null 2>&1 | head -n 1",
		"cat /sys/class/block/vda/size /sys/class/block/vda/ro /sys/class/block/vda/queue/logical_block_size", "[ -b /dev/vda ]", "[ -e /sys/class/block/vda/partition ]",
		"echo abc >/tmp/f; cat /tmp/f; rm /tmp/f", "grep -c vda /proc/partitions",
		"echo /sys/class/block/vda* /sys/class/block/vda/*/partition /dev/vda*", "for p in /sys/class/block/vda[0-9]*; do echo ${p##*/} $(cat $p/start $p/size); done",
		"d=$(readlink -f /sys/dev/block/$(cat /sys/class/block/vda2/dev)); echo ${d##*/}; set -- $(ls -ln /dev/vda1); echo $1 $3 $4 $5 $6", "cd /sys/class/block/vda2; sed -n '/PART/p; /DEV/p' uevent; cat size start partition ../queue/logical_block_size; cd",
		"dd if=/dev/vda bs=512 skip=6147 count=3 2>/dev/null | sha256sum; dd if=/dev/vda2 bs=512 count=3 2>/dev/null | sha256sum", "for i in 1 2 3; do echo $i; done | tail -n 1", "seq 3", "basename /a/b/c.d .d; dirname /a/b",
		"wget -q -O - http://10.0.2.2:1/", "sleep 0", "id -u", "echo one two | cut -d' ' -f2 | tr a-z A-Z", "test -d /proc && echo yes", "hostname",
		"echo abc | sed -n 's/b/x/p'", "command -v dd >/dev/null", "command -v nothing-there", "sync", "true | false", "echo err >&2", "head -c 3 /dev/zero | od -c",
		"export Y=2; sh -c 'echo $Y'", "sh -c 'echo $0 $1' name arg", "cat <<X\nhere\nX", "sh -c 'trap \"echo end\" 0 SIGHUP; trap \"exit 130\" INT TERM; echo begin'", "echo -ne 'a\\tb%d\\n'; echo -n c -n; echo; echo - -x -e", "echo \"$(printf 'in\\n\\n')out\"", "expr 3 + 4",
		"cat /proc/sys/kernel/printk; dmesg -n 4; cat /proc/sys/kernel/printk; echo 1 >/proc/sys/kernel/printk; cat /proc/sys/kernel/printk",
		"date -u -s @86400", "date -u -s 2005.01.02-03:04:06 >/dev/null; date -u +%Y-%m-%d", "date -u 010203042007.06", "date -u 01020304", "date -u -s @x", "date -u nonsense",
		"date -u -d @86400 +%s", "ip link set eth0 up; ip addr add 10.0.2.21/24 dev eth0; ip route add default via 10.0.2.2; ip -4 addr show scope global | grep -c inet",
	}) end)
	s:step("network", function() s:log(sh:network():gsub("%d+$", "N")) end)
	s:step("write", { destroys = job.target }, function() sh:write(job) end)
end
`

// seen collects the events by which a policy or an observer could tell two boards apart.
func seen(events *[]string) func(engine.Event) {
	return func(e engine.Event) {
		if e.Type == engine.EventProgress || e.Type == engine.EventPlan {
			return
		}
		*events = append(*events, fmt.Sprintf("%s %d %s %s %s %s", e.Type, e.Attempt, e.Step, e.Kind, e.Rule, e.Text))
	}
}

// lostPackets reports whether an event of seen is of a step or an attempt that ended because packets were lost.
func lostPackets(event string) bool {
	return slices.ContainsFunc(lost, func(k classify.Kind) bool { return slices.Contains(strings.Fields(event), string(k)) })
}

// TestSimulatedBoardIsLikeThisOne runs one script on QEMU and on the simulated board. Every step, every answer and
// the result must be the same.
func TestSimulatedBoardIsLikeThisOne(t *testing.T) {
	r := newRig(t, 3000001)
	r.tftp = "127.0.70.3"
	for name, policy := range map[string]string{"default sequence": policyFile(), "questions": r.variant(questions)} {
		var real, simulated []string
		gpt.Write(t, r.Disk, partitions...)
		dir := t.TempDir()
		if out, err := exec.Command("cp", r.Disk, filepath.Join(dir, "vda.img")).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		rep := r.run(engine.Engine{Events: seen(&real)}, policy, 0)
		for range 9 { // a run that lost packets has another course
			if !slices.ContainsFunc(real, lostPackets) {
				break
			}
			if out, err := exec.Command("cp", filepath.Join(dir, "vda.img"), r.Disk).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			real = nil
			rep = r.run(engine.Engine{Events: seen(&real)}, policy, 0)
		}
		if rep.Exit != 0 {
			t.Fatalf("run of %s on QEMU = %v; want nil", name, rep.Err)
		}
		sim := r.simulate(engine.Engine{Events: seen(&simulated)}, policy, fmt.Sprintf("size=%d,dir=%s", usualDisk>>20, dir))
		sim.Target.LastWrite, sim.Target.ReadBack = rep.Target.LastWrite, rep.Target.ReadBack // at another time
		if sim.Exit != 0 || sim.Image != rep.Image || sim.Target != rep.Target || sim.Attempt != rep.Attempt || sim.Result != rep.Result || !sim.Simulated || rep.Simulated {
			t.Errorf("run of %s on the simulated board = %+v, %v; want %+v", name, sim, sim.Err, rep)
		}
		for i := range max(len(real), len(simulated)) {
			if i >= len(real) || i >= len(simulated) || real[i] != simulated[i] {
				t.Errorf("event of %s on the simulated board = %q; want, as on QEMU, %q", name, slices.Concat(simulated, make([]string, len(real)))[i], slices.Concat(real, make([]string, len(simulated)))[i])
			}
		}
	}
}
