package qemu

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/goterm/term"

	"github.com/flashlua/flashlua/testdata/built"
)

// consoleCommand is flashlua console on this rig.
func (r *rig) consoleCommand(at string, args ...string) *exec.Cmd {
	base := []string{
		"console", "--port", r.Port, "--power", r.Power, "--at", at, "--board", policyFile(),
		"--set", "net.tftp=" + r.tftp, "--transcript", filepath.Join(r.dir, "t.log"),
	}
	return exec.Command(built.Program(r.t), append(base, args...)...)
}

// until reads what is shown until it holds text.
func until(t *testing.T, shown io.Reader, text string) {
	t.Helper()
	var all []byte
	for buf := make([]byte, 1<<10); !bytes.Contains(all, []byte(text)); {
		n, err := shown.Read(buf)
		if err != nil {
			t.Fatalf("the console ends before %q: %v; want it\n%s", text, err, all)
		}
		all = append(all, buf[:n]...)
	}
}

func TestConsoleAtUBoot(t *testing.T) {
	r := newRig(t, 1)
	pty, err := term.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	shown, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := r.consoleCommand("uboot")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pty.Slave, stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stdout.Close()
	until(t, shown, "=> ")
	io.WriteString(pty.Master, "version\r")
	until(t, shown, "U-Boot 20")
	io.WriteString(pty.Master, "\x1d")
	if err := cmd.Wait(); err != nil {
		t.Errorf("flashlua console = %v; want nil\n%s", err, &stderr)
	}
	for _, want := range []string{"  power  ", "  uboot  ", "Ctrl-] quits", "console closed", "the board is left on"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("the output lacks %q; want it in\n%s", want, &stderr)
		}
	}
	r.power("running")
}

func TestConsoleAtLinux(t *testing.T) {
	r := newRig(t, 1)
	cmd := r.consoleCommand("linux", "--files", r.Arch.BootDir())
	cmd.Stdin = strings.NewReader("cd /proc\necho answer $((6 * 7)) in $PWD\n")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), "answer 42 in /proc\r\n") {
		t.Errorf("flashlua console = %v, %q; want the answer 42\n%s", err, out, &stderr)
	}
	r.power("running")
	log, err := os.ReadFile(filepath.Join(r.dir, "t.log"))
	if err != nil || !strings.Contains(string(log), "U-Boot 20") || !strings.Contains(string(log), "< answer 42") {
		t.Errorf("transcript = %v; want the banner and the answer\n%s", err, log)
	}
}

func TestConsoleDoesNotGetThere(t *testing.T) {
	r := newRig(t, 1)
	out, err := r.consoleCommand("uboot", "--set", "uboot.prompt=J7 => ", "--set", "uboot.timeout=6s").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "no attempt left, uboot.autoboot, step uboot, attempt 1, target untouched (exit 4)\nthe board's power is left as it is\n") {
		t.Errorf("flashlua console = %v; want an error at U-Boot, exit 4, the power left\n%s", err, out)
	}
	r.power("running")
}
