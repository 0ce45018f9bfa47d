package qemu

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/testdata/gpt"
)

// mediaQuestions runs the commands of U-Boot that a writer needs, and notes their answers.
const mediaQuestions = `
function board.flash(s, job)
	s:step("power", function() s.power:cycle() end)
	local ub = s:step("uboot", function() return s:uboot() end)
	s:step("ask", function()
		for _, cmd in ipairs({
			"virtio info", "virtio dev", "virtio dev 0", "virtio dev 5", "virtio part 5", "virtio part 0", "part list virtio 0", "part list virtio 5",
			"part start virtio 0 1 a; printenv a", "part size virtio 0 1", "part number virtio 0 nosuch a", "part start virtio 0 7 a", "part list virtio 0 a; printenv a",
			"part list nvme 1", "part list nvme 0#1", "nvme part", "virtio read 40400000 0 10", "virtio read 40400000 ffffffff 10", "virtio read 40400000 0",
			"mw.b 40400000 5a 2000; virtio write 40400000 1000 10", "mw.b 40500000 0 2000; virtio read 40500000 1000 10", "cmp.b 40400000 40500000 2000",
			"mw.l 40400000 12345678 10; md.l 40400000 8", "md 40400000 2", "md.b 40400000 11", "md.w 40400000 9", "md.q 40400000 2",
			"mw.b 40400000 ff 4; mw.w 40400004 abcd 2; mw.q 40400008 1122334455667788 2; md.b 40400000 20",
			"cp.b 40400000 40500000 20; cmp.b 40400000 40500000 20", "cmp 40400000 40500000 4", "mw.b 40500003 0; cmp.b 40400000 40500000 20",
			"cmp.l 40400000 40500000 4", "cmp.w 40400000 40500000 4", "cmp.q 40400000 40500000 4", "mw.w 40500000 0; cmp.w 40400000 40500000 4",
			"crc32 40400000 20", "crc32 40400000 20 40600000; md.b 40600000 4", "mw.l 41000000 5f5c03e8 400000; crc32 41000000 1000000",
			"setexpr a 1 + 2; printenv a", "setexpr a *40400000; printenv a", "setexpr.b a *40400004; printenv a", "setexpr a 10 * 10; printenv a",
			"setexpr a 10 / 3; printenv a", "setexpr a ff; printenv a", "setexpr a 5 - 6; printenv a", "itest 1 == 1; echo $?", "itest 1 -lt 2; echo $?",
			"itest.b *40400000 == ff; echo $?", "itest.s abc == abc; echo $?", "itest 3 -gt 4; echo $?", "itest 1 ~ 2; echo $?",
			"blkcache configure 0 0", "unzip 40400000 40800000", "unlz4 40400000 42000000 1000000",
			"erase 4040000 407ffff", "cp.b 40400000 4040000 20", "cmp.b 40400000 4040000 20", "mw.b 40500000 ff 20; cp.b 40500000 4040000 20",
			"protect on 4040000 407ffff", "erase 4040000 407ffff", "cp.b 40400000 4040000 20", "protect off 4040000 407ffff", "erase 4040000 4040010",
			"erase 4040000 +10", "md.b 4040000 10", "hash sha256 40400000 20",
		}) do
			local out, code = ub:exec(cmd)
			s:log(string.format("%s -> %d: %s", cmd, code, out))
		end
	end)
end
`

// TestSimulatedUBootIsLikeThisOne runs the commands that write media on QEMU and on the simulated board. Every answer
// must be the same.
func TestSimulatedUBootIsLikeThisOne(t *testing.T) {
	r := newRig(t, 3000001)
	r.tftp = "127.0.70.5"
	gpt.Write(t, r.Disk, partitions...)
	dir := t.TempDir()
	if out, err := exec.Command("cp", r.Disk, filepath.Join(dir, "vda.img")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	policy := r.variant(mediaQuestions)
	var real, simulated []string
	r.run(engine.Engine{Events: seen(&real)}, policy, 0)
	r.simulate(engine.Engine{Events: seen(&simulated)}, policy, fmt.Sprintf("size=%d,dir=%s,nor=4000000,lacks=hash", usualDisk>>20, dir))
	if len(real) < 60 {
		t.Fatalf("events on QEMU = %q; want an answer of each command", real)
	}
	for i := range max(len(real), len(simulated)) {
		got, want := "", ""
		if i < len(simulated) {
			got = simulated[i]
		}
		if i < len(real) {
			want = real[i]
		}
		if got != want {
			t.Errorf("event on the simulated board = %q; want, as on QEMU, %q", got, want)
		}
	}
}
