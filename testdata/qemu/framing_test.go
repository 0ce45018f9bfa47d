package qemu

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// TestFraming: a real kernel prints a line every 50 ms while commands run, at a prompt with a path, and none of
// it is in their results; nor do prompts, halves of markers, NULs, tabs and much text disturb them.
func TestFraming(t *testing.T) {
	r := newRig(t, 3000001)
	r.drive(func(ctx context.Context, s *engine.Session, p *engine.Policy) error {
		ub, err := toUBoot(ctx, s)
		if err != nil {
			return err
		}
		if err := enterTwice(ctx, t, ub); err != nil {
			return err
		}
		sh, err := fromUBoot(ctx, s, p, ub)
		if err != nil {
			return err
		}
		const talk = `PS1='root@host:/very/long/path# '; dmesg -n 8; (while :; do echo "foreign $((n += 1))" >/dev/kmsg; usleep 50000; done) &`
		if _, err := sh.Run(ctx, console.Command{Text: talk}); err != nil {
			return err
		}
		for _, part := range []func(context.Context, *testing.T, *shell.Shell) error{framedCommands, framedLines, framedFile, framedText} {
			if err := part(ctx, t, sh); err != nil {
				return err
			}
		}
		return s.Write(ctx, sh) // and the flash is verified under all that
	})
	r.equal()
}

// enterTwice types a framed command whose Enter arrives twice: U-Boot would run the line once more.
func enterTwice(ctx context.Context, t *testing.T, ub *uboot.UBoot) error {
	if err := ub.Send(ctx, ub.Frame("echo on''ce")+"\n"); err != nil {
		return err
	}
	var raw []byte
	stop := ub.Subscribe(func(p []byte) { raw = append(raw, p...) })
	defer stop()
	if _, err := ub.Exec(ctx, console.Command{Text: "true"}); err != nil { // runs after what was typed before
		return err
	}
	if n := strings.Count(string(raw), "\nonce\r"); n != 1 {
		t.Errorf("a line whose Enter came twice ran %d times; want once: %q", n, raw)
	}
	return nil
}

// framedCommands runs commands whose output looks like parts of the framing.
func framedCommands(ctx context.Context, t *testing.T, sh *shell.Shell) error {
	long := strings.Repeat("0123456789abcdef", 12)
	for _, q := range []struct {
		cmd, want string
		code      int
	}{
		{"echo one; usleep 200000; echo two", "one\ntwo", 0},
		{"false", "", 1},
		{"(exit 42)", "", 42},
		{"echo '=> '; echo '# '; printf 'root@host:/very/long/path# \\n'", "=> \n# \nroot@host:/very/long/path# ", 0},
		{"echo ':0.'; printf 'a\\000b\\033[6n\\n'", ":0.\nab", 0},
		{"echo " + long, long, 0},
		{"for i in 1 2\ndo\n\techo \"$i!\"\ndone", "1!\n2!", 0},
		{"printf 'no end'; usleep 100000", "no end", 0},
		{"echo '\"$x\" `y` \\z !'", "\"$x\" `y` \\z !", 0},
	} {
		for range 3 {
			got, err := sh.Exec(ctx, console.Command{Text: q.cmd, Timeout: hang})
			if err != nil {
				return err
			}
			if got.Output != q.want || got.Code != q.code {
				t.Errorf("Exec(%q) = %q, %d; want %q, %d", q.cmd, got.Output, got.Code, q.want, q.code)
			}
		}
	}
	return nil
}

// framedLines reads output line by line, and the kernel's own lines as the output of a command.
func framedLines(ctx context.Context, t *testing.T, sh *shell.Shell) error {
	var lines []string
	each := func(line string) error { lines = append(lines, line); return nil }
	if _, err := sh.Run(ctx, console.Command{Text: "for i in 1 2 3; do echo line $i; usleep 100000; done", Line: each}); err != nil {
		return err
	}
	if got := fmt.Sprint(lines); got != "[line 1 line 2 line 3]" {
		t.Errorf("Command.Line got %s; want each line", got)
	}
	got, err := sh.Exec(ctx, console.Command{Text: "dmesg | head -n 5", Timeout: hang})
	if err != nil || strings.Count(got.Output, "\n") != 4 || !strings.Contains(got.Output, "[    0.000000] ") {
		t.Errorf("Exec(dmesg) = %q, %v; want five lines from 0.000000 on", got.Output, err)
	}
	return nil
}

// framedFile sends a file with every byte.
func framedFile(ctx context.Context, t *testing.T, sh *shell.Shell) error {
	var every strings.Builder
	for c := range 256 {
		every.WriteByte(byte(c))
	}
	if err := sh.Put(ctx, "/tmp/it's", every.String()+"\n'$x' %s \\\n"); err != nil {
		return err
	}
	if got, err := sh.Run(ctx, console.Command{Text: "tail -n 1 /tmp/it\\'s"}); err != nil || got != "'$x' %s \\" {
		t.Errorf("the last line of the file = %q, %v; want that which was put", got, err)
	}
	return nil
}

// framedText reads much output.
func framedText(ctx context.Context, t *testing.T, sh *shell.Shell) error {
	many := 30_000
	if os.Getenv("FLASHLUA_SOAK") != "" {
		many = 10_000_000 / 17 // a minute on this console
	}
	got, err := sh.Exec(ctx, console.Command{Text: fmt.Sprintf("yes 0123456789abcdef | head -n %d; true", many), Timeout: hang})
	if want := strings.TrimSuffix(strings.Repeat("0123456789abcdef\n", many), "\n"); err != nil || got.Output != want {
		t.Errorf("Exec of much text = %d bytes; want %d, %v", len(got.Output), len(want), err)
	}
	return nil
}
