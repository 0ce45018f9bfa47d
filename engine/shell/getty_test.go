package shell

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/goterm/term"

	"github.com/flashlua/flashlua/engine/console"
)

// loginProgram stands for login(1), which needs root and a user: it asks for the password, and refuses a wrong one.
const loginProgram = `#!/bin/sh
for user; do :; done
[ -n "$user" ] || read user
stty -echo; printf 'Password: '; read password; stty echo; echo
[ "$user $password" = "root s3cret" ] || { echo 'Login incorrect'; exit 1; }
echo 'Last login: Thu Jan  1 00:00:00 UTC 1970 on ttyS0'
PS1='root@mill:~# ' exec dash -i
`

// TestGettys logs in through real gettys.
func TestGettys(t *testing.T) {
	for name, args := range map[string][]string{
		"agetty":  {"agetty", "-8", "--noclear", "--noissue", "--login-program", "LOGIN", "-", "vt220"},
		"busybox": {"busybox", "getty", "-l", "LOGIN", "0", "-", "vt100"},
	} {
		t.Run(name, func(t *testing.T) {
			path, err := exec.LookPath(args[0])
			if err != nil {
				t.Skipf("LEFT OUT: %s is not installed", args[0])
			}
			program := filepath.Join(t.TempDir(), "login")
			if err := os.WriteFile(program, []byte(loginProgram), 0o755); err != nil {
				t.Fatal(err)
			}
			pty, err := term.OpenPTY()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(path, args[1:]...)
			cmd.Args[slices.Index(cmd.Args, "LOGIN")] = program
			cmd.Stdin, cmd.Stdout, cmd.Stderr = pty.Slave, pty.Slave, pty.Slave
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/"}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			pty.Slave.Close()
			c := console.New(pty.Master, console.Config{})
			t.Cleanup(func() {
				syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
				cmd.Wait()
				c.Close()
			})
			cfg := with(func(c *Config) { c.Password, c.Timeout, c.Prompts = "s3cret", time.Minute, []string{"root@mill:~# "} })
			s, err := Login(t.Context(), c, cfg, Booting, nil)
			if err != nil {
				t.Fatalf("Login() = %v; want nil\n%s", err, c.Tail())
			}
			if out, err := s.Run(t.Context(), console.Command{Text: "echo hello"}); err != nil || out != "hello" {
				t.Errorf("Run = %q, %v; want %q", out, err, "hello")
			}
		})
	}
}
