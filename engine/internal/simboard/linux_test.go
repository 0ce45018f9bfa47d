package simboard

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// inLinux runs f with a board that has booted, on a virtual clock.
func inLinux(t *testing.T, f func(t *testing.T, b *bench, sh *shell.Shell)) {
	onBench(t, "", func(t *testing.T, b *bench) { f(t, b, b.boot(t)) })
}

// boot starts the recovery Linux from U-Boot's prompt.
func (b *bench) boot(t *testing.T) *shell.Shell {
	t.Helper()
	if _, err := b.ub.Boot(t.Context(), "run bootcmd", ""); err != nil {
		t.Fatal(err)
	}
	sh, err := shell.Login(t.Context(), b.con, shell.Default, shell.Booting, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.con.Tail())
	}
	return sh
}

// answer runs a command of the shell.
func answer(t *testing.T, sh *shell.Shell, cmd string) (string, int) {
	t.Helper()
	res, err := sh.Exec(t.Context(), console.Command{Text: cmd, Timeout: time.Minute})
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, sh.Tail())
	}
	return res.Output, res.Code
}

// TestShell holds what a login shell on the console does and testdata/applets does not show: one session for all
// commands, the messages of a shell whose commands come through eval, a board with two disks.
func TestShell(t *testing.T) {
	inLinux(t, func(t *testing.T, _ *bench, sh *shell.Shell) {
		for _, tt := range []struct {
			cmd, want string
			code      int
		}{
			{"(exit 42)", "", 42},
			{"no-such-command", "-sh: eval: no-such-command: not found", 127},
			{"awk 1", "-sh: eval: awk: not in this simulation", 127},
			{"echo )", "-sh: eval: syntax error: unexpected \")\"", 2},
			{"cd /tmp; pwd; x=kept", "/tmp", 0},
			{"pwd; echo $x; cd", "/tmp\nkept", 0},
			{"f() { return 7; }; f", "", 7},
			{"f() { for i in $(seq 300); do echo a b c d e f g h; done; }; { f >&2 | f; } 2>&1 | grep -c '^a b c d e f g h$'", "600", 0},
			{"command -v dd; command -v head; command -v blockdev; command -v none", "/bin/dd\n/usr/bin/head\n/sbin/blockdev", 127},
			{"dd if=/dev/zero of=/dev/vda bs=1M seek=3 count=2", "dd: error writing '/dev/vda': No space left on device\n2+0 records in\n1+0 records out", 1},
			{"dd if=/dev/zero of=/tmp/big bs=1M count=100 2>&1 | head -n 1; rm /tmp/big", "dd: error writing '/tmp/big': No space left on device", 0},
			{"readlink -f /sys/class/block/mmcblk0", "/sys/devices/platform/4f80000.mmc/block/mmcblk0", 0},
			{"udhcpc -n -q 2>/dev/null; wget -q -O - http://10.0.2.2:9/x", "wget: can't connect to remote host (10.0.2.2): Connection refused", 1},
		} {
			if got, code := answer(t, sh, tt.cmd); got != tt.want || code != tt.code {
				t.Errorf("%s = %q, %d; want %q, %d", tt.cmd, got, code, tt.want, tt.code)
			}
		}
	})
}

// TestTheHostIsOutOfReach runs commands that would show files of the host and then, only if none did, commands
// that would destroy them. The host is a directory of the test; nothing here may ever be run by another shell.
func TestTheHostIsOutOfReach(t *testing.T) {
	canary := t.TempDir()
	secret := filepath.Join(canary, "canary.sh")
	if err := os.WriteFile(secret, []byte("echo CANARY\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	unharmed := func(t *testing.T) {
		left, err := os.ReadDir(canary)
		text, rerr := os.ReadFile(secret)
		if err != nil || rerr != nil || len(left) != 1 || string(text) != "echo CANARY\n" {
			t.Fatalf("the host has %v, %q, %v", left, text, rerr)
		}
	}
	t.Chdir(canary)
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("CANARY", "CANARY")
	onBench(t, "", func(t *testing.T, b *bench) {
		sh := b.boot(t)
		run := func(cmd string) int {
			res, err := sh.Exec(t.Context(), console.Command{Text: cmd, Timeout: time.Minute})
			if err != nil {
				t.Fatalf("%s: %v\n%s", cmd, err, sh.Tail())
			}
			if strings.Contains(res.Output, "CANARY") {
				t.Fatalf("%s shows the host: %s", cmd, res.Output)
			}
			return res.Code
		}
		for _, cmd := range []string{secret, "sh " + secret, "cd " + canary, "ls " + canary, "[ -e " + secret + " ]", "test -f " + secret, "cat <" + secret, "command -v " + secret} {
			if run(cmd) == 0 {
				t.Fatalf("%s succeeds", cmd)
			}
		}
		for _, cmd := range []string{
			"cat " + secret, ". " + secret, "source canary.sh", "echo " + canary + "/*", "type " + secret, "which " + secret, "test -O " + secret,
			"echo $(<" + secret + ")", "echo overwritten >" + secret, "echo added >>" + secret, "touch " + canary + "/made", "mkdir -p " + canary + "/made",
			"cp /bin/sh " + secret, "ln -s " + secret + " /tmp/l && cat /tmp/l", "dd if=" + secret, "find " + canary, "pwd -P", "echo $CANARY; env",
			"echo ~root ~daemon", "cat <(echo x)", "eval 'cat <(echo x)'", "trap 'cat <(echo x)' EXIT; true", "cat /proc/1/environ", "cat /etc/shadow",
			"echo x >/dev/tcp/127.0.0.1/1", "exec 2>" + secret,
		} {
			run(cmd)
		}
		unharmed(t)
		for _, cmd := range []string{
			"rm -rf " + canary, "rm -rf .", "rm -rf ../*", "rm -rf /", "rm -rf /*", "dd if=/dev/zero of=/dev/sda bs=1M count=1", "date -s @0", "kill -9 1", "kill -9 -1",
			"chmod -R 000 /", "mv / /x", "mkfs.ext2 /dev/vda", ">" + secret,
		} {
			run(cmd)
		}
		b.On(t.Context()) // what it changed of itself is lost
		var err error
		if b.ub, err = uboot.Interrupt(t.Context(), b.con, uboot.Default, uboot.AnyState, func(string) {}); err != nil {
			t.Fatal(err)
		}
		if got, _ := answer(t, b.boot(t), "echo still here"); got != "still here" {
			t.Errorf("the board says %q", got)
		}
	})
	unharmed(t)
}

func TestRebootAndPowerOff(t *testing.T) {
	inLinux(t, func(t *testing.T, b *bench, sh *shell.Shell) {
		_, err := sh.Exec(t.Context(), console.Command{Text: "reboot", Timeout: time.Minute})
		if classify.Facts(err).Kind != classify.BoardReset {
			t.Errorf("reboot = %v", err)
		}
	})
	inLinux(t, func(t *testing.T, b *bench, sh *shell.Shell) {
		_, err := sh.Exec(t.Context(), console.Command{Text: "poweroff", Timeout: time.Minute})
		if classify.Facts(err).Kind != classify.BoardOff || !strings.Contains(b.con.Tail(), "going down NOW") {
			t.Errorf("poweroff = %v\n%s", err, b.con.Tail())
		}
	})
}

func TestInterruptAndLogout(t *testing.T) {
	inLinux(t, func(t *testing.T, b *bench, sh *shell.Shell) {
		for _, cmd := range []string{"sleep 1000", "yes >/dev/null", "cat /dev/tty", "while true; do true; done", "cat /dev/zero | wc -c"} {
			if _, err := sh.Start(t.Context(), sh.Dialect, cmd); err != nil {
				t.Fatal(err)
			}
			begun := console.Wait{For: []console.Pattern{console.Regexp(`(?m)^[a-z]{3}:`)}, Timeout: time.Minute}
			if _, err := sh.Expect(t.Context(), begun); err != nil {
				t.Fatal(err)
			}
			if err := sh.Send(t.Context(), "\x03"); err != nil {
				t.Fatal(err)
			}
			if got, _ := answer(t, sh, "echo after"); got != "after" {
				t.Errorf("after %s: %q", cmd, got)
			}
		}
		if err := sh.Send(t.Context(), "exit\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := shell.Login(t.Context(), b.con, shell.Default, shell.Booting, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, err := New(Config{Dir: t.TempDir(), Network: &Wire{}, Size: 1 << 20, User: "admin", Password: "secret", ShellPrompt: "admin> "})
		if err != nil {
			t.Fatal(err)
		}
		con := console.New(plugged(t, board), console.Config{})
		defer board.Close()
		defer con.Close()
		cfg := shell.Default
		cfg.User, cfg.Password, cfg.Prompts = "admin", "wrong", []string{"admin> "}
		login := func() error {
			con.Skip()
			board.On(t.Context())
			ub, err := uboot.Interrupt(t.Context(), con, uboot.Default, uboot.AnyState, func(string) {})
			if err == nil {
				_, err = ub.Boot(t.Context(), "run bootcmd", "")
			}
			if err == nil {
				_, err = shell.Login(t.Context(), con, cfg, shell.Booting, nil)
			}
			return err
		}
		if err := login(); classify.Facts(err).Kind != classify.ShellLoginDenied {
			t.Errorf("with a wrong password: %v\n%s", err, con.Tail())
		}
		cfg.Password = "secret"
		if err := login(); err != nil {
			t.Errorf("%v\n%s", err, con.Tail())
		}
	})
}

// FuzzShell types random input at a shell: the board must go on.
func FuzzShell(f *testing.F) {
	for _, s := range []string{"echo", "'", "\"$(", "for", "case x in", "{", "}", "a=(1 2)", "[[ -n x ]]", "<<X\n", "$((1/0))", "\\", "${x:?no}", "set -e; false", "${!x}", "f() { f; }", "exit 3", "!", "( ( (", "$'\\x", "a;;b", "|", "& &", "2>&1 >&2", "cat <&3", "\x01refuse", "unset PATH; ls", "readonly x=1; x=2", "set -u; echo $nope", "select x in a; do break; done", "time", "coproc x", "let x=1", "alias ls=rm", "~", "*", "/*", "echo {1..3}", "printf '%d' x", "test -z", "[", "trap", "shift 9", "return", "break", "times", "${x//a/b}", "read x", "wait", "exec", "cd -", "local x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		line = strings.Map(func(r rune) rune {
			if r < ' ' && r != '\n' || r == 0x7f {
				return -1
			}
			return r
		}, strings.ToValidUTF8(line, "?"))
		if len(line) > 500 || strings.Contains(line, "poweroff") || strings.Contains(line, "reboot") || strings.Contains(line, "halt") || strings.Contains(line, "/dev/") {
			return
		}
		inLinux(t, func(t *testing.T, b *bench, sh *shell.Shell) {
			sh.Send(t.Context(), line+"\n")
			synctest.Wait()
			sh.Send(t.Context(), "\x03")
			sh.Send(t.Context(), "\n")
			if err := b.con.Sync(t.Context(), sh.Dialect, 4, time.Minute); err != nil {
				if _, lerr := shell.Login(t.Context(), b.con, shell.Default, shell.Booting, nil); lerr != nil { // it may have logged out
					t.Fatalf("after %q: %v, %v\n%s", line, err, lerr, b.con.Tail())
				}
			}
		})
	})
}
