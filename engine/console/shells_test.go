package console

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/goterm/term"
)

// onPTY runs a program on a pseudo terminal, and returns a Console at the other end.
func onPTY(t testing.TB, name string, args ...string) *Console {
	return onPTYWith(t, []string{"PS1=/very/long/path# "}, name, args...)
}

// onPTYWith is onPTY with variables of the environment.
func onPTYWith(t testing.TB, env []string, name string, args ...string) *Console {
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("LEFT OUT: %s is not installed", name)
	}
	pty, err := term.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pty.Slave, pty.Slave, pty.Slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd.Env = append(env, "PATH=/usr/bin:/bin", "TERM=dumb", "HOME=/")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pty.Slave.Close()
	c := New(pty.Master, Config{})
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		c.Close()
	})
	return c
}

// FuzzQuoting: real shells read a quoted word as the original.
func FuzzQuoting(f *testing.F) {
	for _, word := range []string{"", "it's", `$x $(y) ` + "`z`", `back\slash\`, "'", `'\''`, "a\nb\tc", "!1 ~ * ?", "\u00e9", "-n", "#", "a;b&c|d", `"`} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if checkText(word) != nil || strings.Contains(word, "\x00") {
			return
		}
		for _, shell := range [][]string{{"dash", "-c"}, {"bash", "-c"}, {"busybox", "sh", "-c"}} {
			path, err := exec.LookPath(shell[0])
			if err != nil {
				continue
			}
			cmd := "printf %s " + Quote(word)
			if err := closedQuotes(cmd); err != nil {
				t.Fatalf("closedQuotes(%q) = %v; want nil", cmd, err)
			}
			for _, line := range []string{cmd, "eval " + quoteLine(cmd)} {
				if strings.Contains(line, "\n") && line != cmd {
					t.Errorf("quoteLine(%q) = %q; want one line", cmd, line)
				}
				out, err := exec.Command(path, append(shell[1:], line)...).Output()
				if err != nil || string(out) != word {
					t.Errorf("%s printed %q, %v for %q; want %q", shell[0], out, err, line, word)
				}
			}
		}
	})
}

func TestRunOnRealShells(t *testing.T) {
	for name, args := range map[string][]string{
		"dash": {"-i"}, "bash": {"--norc", "-i"}, "busybox": {"ash", "-i"},
	} {
		t.Run(name, func(t *testing.T) {
			c, sh := onPTY(t, name, args...), POSIX("# ", 1000)
			if err := c.Sync(t.Context(), sh, 5, time.Minute); err != nil {
				t.Fatal(err)
			}
			for _, tt := range []struct {
				cmd, want string
				code      int
			}{
				{"echo one; echo two", "one\ntwo", 0},
				{"printf 'no end'", "no end", 0},
				{"false", "", 1},
				{"(exit 42)", "", 42},
				{"no-such-command 2>/dev/null", "", 127},
				{"cd /tmp; x=kept", "", 0},
				{"pwd; echo $x", "/tmp\nkept", 0},
				{"cat", "", 0}, // reads /dev/null
				{"if true; then 2>/dev/null", "", 2},
				{"echo still here", "still here", 0},
				{`printf '%s\n' "it's" '"$x" \n' '# => '`, "it's\n\"$x\" \\n\n# => ", 0},
				{"for i in 1 2\ndo echo $i\ndone", "1\n2", 0},
				{"echo " + strings.Repeat("wrapped ", 60), strings.TrimSpace(strings.Repeat("wrapped ", 60)), 0},
				{"seq 1 30000 | tail -n 1", "30000", 0},
			} {
				res, err := c.Run(t.Context(), sh, Command{Text: tt.cmd, Timeout: time.Hour})
				if err != nil {
					t.Fatalf("Run(%q) = %v; want nil\n%s", tt.cmd, err, c.Tail())
				}
				if tt.code == 2 && strings.Contains(res.Output, "yntax error") {
					res.Output = "" // the wording is the shell's
				}
				if res.Code != tt.code || res.Output != tt.want {
					t.Errorf("Run(%q) = %q, %d; want %q, %d", tt.cmd, res.Output, res.Code, tt.want, tt.code)
				}
			}
		})
	}
}
