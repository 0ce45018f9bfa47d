package console

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestKernelLines: lines of the kernel are removed from an output wherever they are, lines that the command prints
// are kept.
func TestKernelLines(t *testing.T) {
	const old, fresh = "[    0.000000] Linux version 6.1", "[   11.000000] usb 1-1: new"
	for _, tt := range []struct {
		name, before, output string
		quiet                bool
		want                 string
		asked                int // how often CheckKernelQuiet is called
	}{
		{"in the middle of a line of dmesg", "", old + "[   12.100000] foreign 49\r\n\r\n" + old + "\r\n", false, old + "\n" + old, 1},
		{"printed late", "", "one\r\n[    4.000000] foreign\r\ntwo\r\n", false, "one\ntwo", 1},
		{"of another thread", "", "on[   12.000000][  T123] foreign\r\ne\r\n", false, "one", 1},
		{"too old to be printed now", "", "[    1.000000] usb 1-1: new\r\n", true, "[    1.000000] usb 1-1: new", 0},
		{"dmesg repeats what was on the console", fresh + "\r\n", fresh + "\r\n[   12.100000] foreign\r\n", false, fresh, 1},
		{"on a board with a quiet kernel", "", fresh + "\r\n", true, fresh, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, board := dial(t)
				asked := 0
				i := Interpreter{Console: c, Dialect: UBoot("=> ", 500)}
				i.BootTime = time.Now().Add(-12 * time.Second)
				i.CheckKernelQuiet = func(context.Context) (bool, error) { asked++; return tt.quiet, nil }
				say(board, 99, tt.before+"=> ")
				go fakeShell(board, func(cmd, begin string, w marker) string {
					return begin + "\r\n" + tt.output + endMarker(w, 0) + "\r\n=> "
				})
				res, err := i.Exec(t.Context(), Command{Text: "dmesg", Timeout: time.Minute})
				if err != nil || res.Output != tt.want {
					t.Errorf("Exec() = %q, %v; want %q", res.Output, err, tt.want)
				}
				if i.KernelOnConsole == tt.quiet || asked != tt.asked {
					t.Errorf("KernelOnConsole = %t, CheckKernelQuiet was called %d times; want %t, %d", i.KernelOnConsole, asked, !tt.quiet, tt.asked)
				}
			})
		})
	}
}

// FuzzFraming tests the framing against a model: a command prints something and exits, and the kernel prints in
// between, also within the markers.
func FuzzFraming(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, []byte("\x00\x05text\x08\x09\x0a\x0bmore of it\x0c\x0d"), byte(seed*7), byte(seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, script []byte, code, noise byte) {
		pieces := []string{"\r\n", "=> ", "# ", "\x00", "\x1b[6n", "\x1b[1m", ":0:e", ":b", "root@host:/a# ", "==> ", "\t", "\xff", "'", "$fl", "^C", " "}
		var out strings.Builder
		for _, b := range script[:min(len(script), 2000)] {
			if int(b) < len(pieces) {
				out.WriteString(pieces[b])
			} else if b >= ' ' && b < 0x7f && b != '[' {
				out.WriteByte(b)
			}
		}
		want := strings.TrimSuffix(clean(out.String()), "\n")
		synctest.Test(t, func(t *testing.T) {
			r, foreign := rand.New(rand.NewPCG(seed, 1)), 0
			c, board := dial(t)
			go fakeShell(board, func(cmd, begin string, w marker) string {
				said := begin + "\r\n" + out.String() + endMarker(w, int(code)) + "\r\n"
				var at []int
				for range noise % 8 {
					at = append(at, r.IntN(len(said)))
				}
				slices.Sort(at)
				for _, i := range slices.Backward(at) {
					foreign++
					said = fmt.Sprintf("%s[   12.%06d] foreign\r\n%s", said[:i], foreign, said[i:])
				}
				return said + "=> "
			})
			d := UBoot("=> ", 500)
			d.BootTime = time.Now().Add(-12 * time.Second)
			for range 2 { // the first must not affect the second
				res, err := c.Run(t.Context(), d, Command{Text: "command", Timeout: time.Minute})
				if err != nil || res.Output != want || res.Code != int(code) {
					t.Errorf("Run() = %q, %d, %v; want %q, %d", res.Output, res.Code, err, want, code)
				}
			}
		})
	})
}
