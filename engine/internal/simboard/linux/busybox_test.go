package linux

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/testdata/applets"
)

// enter runs as root of new namespaces. It adds the devices that the cases use and a /proc to the root directory
// $1, and runs the cases there: they reach no file, process, network or host name of this machine.
const enter = `set -e
box=$1/bin/busybox
for dev in null zero full; do
	: >"$1/dev/$dev"
	"$box" mount --bind "/dev/$dev" "$1/dev/$dev"
done
"$box" mount -t proc proc "$1/proc"
exec "$box" chroot "$1" /bin/busybox sh -c '
	/bin/busybox --install -s
	export HOME=/root PATH=/bin:/sbin:/usr/bin:/usr/sbin
	exec sh /cases.sh'
`

// TestTableIsTrue runs the table on this machine's busybox, whose version is that of the QEMU boards.
func TestTableIsTrue(t *testing.T) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skipf("LEFT OUT: %v", err)
	}
	if out, err := exec.Command("unshare", "--map-root-user", "--mount", "--pid", "--fork", "--net", "--uts", "--ipc", "true").CombinedOutput(); err != nil {
		t.Skipf("LEFT OUT: no namespaces here: %v\n%s", err, out)
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(program, []byte("BusyBox v1.35.")) {
		t.Skip("LEFT OUT: busybox is not version 1.35")
	}
	cases := applets.Cases(applets.Anywhere)
	root := t.TempDir()
	for _, dir := range []string{"bin", "sbin", "usr/bin", "usr/sbin", "dev", "proc", "tmp", "root"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string][]byte{"bin/busybox": program, "cases.sh": []byte(applets.Script(cases, ""))} {
		if err := os.WriteFile(filepath.Join(root, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("unshare", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--net", "--uts", "--ipc", "sh", "-c", enter, "sh", root)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("the cases ended %v\n%s", err, &stderr)
	}
	for _, text := range applets.Differences(cases, applets.Results(out, len(cases))) {
		t.Error(text)
	}
}

// TestEveryAppletHasCases: what the simulated Linux has is in the table, and the reverse.
func TestEveryAppletHasCases(t *testing.T) {
	elsewhere := map[string]string{
		"curl":     "is not busybox's: TestCurl",
		"halt":     "ends the board: testdata/qemu TestShutDown",
		"poweroff": "ends the board: testdata/qemu TestShutDown",
		"reboot":   "ends the board: TestRebootAndPowerOff of simboard",
	}
	var tested []string
	for _, a := range slices.Concat(applets.Anywhere, applets.OnBoard) {
		tested = append(tested, a.Name)
		if _, ok := applet(a.Name); !ok {
			t.Errorf("applet(%q) = none; want that which the table has", a.Name)
		}
	}
	for _, name := range appletNames() {
		if !slices.Contains(tested, name) && elsewhere[name] == "" {
			t.Errorf("the table has no cases of %q; want some", name)
		}
	}
}

// TestMissing: every applet of the real busybox is either here or known to be missing, and none is both.
func TestMissing(t *testing.T) {
	for _, name := range appletNames() {
		if isMissing(name) {
			t.Errorf("isMissing(%q) = true; want false of an applet", name)
		}
	}
	out, err := exec.Command("busybox", "--list").Output()
	if err != nil {
		t.Skipf("LEFT OUT: %v", err)
	}
	shell := []string{"[", "printf", "pwd", "test", "which"} // of the shell
	for _, name := range strings.Fields(string(out)) {
		if _, ok := applet(name); !ok && !isMissing(name) && !slices.Contains(shell, name) {
			t.Errorf("isMissing(%q) = false; want true: busybox has it", name)
		}
	}
}

// TestCurl holds the exit codes of curl, which the board's helper script falls back to.
func TestCurl(t *testing.T) {
	const up = "ifconfig eth0 10.0.2.15; "
	for _, c := range []applets.Case{
		{Script: "curl", Want: "curl: try 'curl --help' for more information\n", Code: 2},
		{Script: "curl -fsS http://example.org/", Want: "curl: (6) Could not resolve host: http://example.org/\n", Code: 6},
		{Script: "curl -s http://10.0.2.2:9/", Code: 7},
		{Script: up + "curl -fsS http://10.0.2.2:9/", Want: "curl: (7) Failed to connect: Connection refused\n", Code: 7},
	} {
		for _, text := range applets.Differences([]applets.Case{c}, []applets.Case{runCase(t, c)}) {
			t.Error(text)
		}
	}
}
