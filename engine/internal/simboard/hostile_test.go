package simboard

import (
	"testing"
	"testing/synctest"

	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/uboot"
)

// TestHostileLines types lines that a board may refuse and that the station must survive.
func TestHostileLines(t *testing.T) {
	onBench(t, "", func(t *testing.T, b *bench) {
		for _, c := range []struct {
			cmd, output string
			code        int
		}{
			{"sf probe; sf read 0 1 ffffffffffffffff", "SF: Detected n25q128a11 with page size 256 Bytes, erase size 4 KiB, total 16 MiB\nERROR: attempting read past flash size (0x1000000)", 1},
			{"mmc write 0 ff80000000000000 80000000000000", "\nMMC write: dev # 0, block # 0, count 0 ... 0 blocks written: OK", 0}, // U-Boot takes 32 bits
			{"mmc write 0 ff800000 80000000", "\nMMC write: dev # 0, block # -8388608, count -2147483648 ... MMC: block number 0x17f800000 exceeds max(0x2000)\n0 blocks written: ERROR", 1},
			{"setenv twice 'run twice; run twice'; run twice; echo $?", "run: too deep\n1", 0},
			{"setenv boom 'run twice && run boom || run boom'; run boom; echo $?", "run: too deep\n1", 0},
			{"setenv x 1; while setenv x $x$x; do true; done; echo left", "ERROR : memory not allocated\nleft", 0},
			{"setenv y 1; while setenv y$y $x; do setenv y 1$y; done; echo left", "## Error inserting \"y1\" variable, errno=12\nleft", 0},
			{"env default -a; setenv x 123456789012345678901234567890", "## Resetting to default environment", 0},
			{"for i in 1 2 3 4 5 6 7 8 9 10 11 12; do setenv x $x$x; done", "", 0},
			{"setenv z 'echo $x$x$x'; run z", "ERROR : memory not allocated", 1},
			{"for i in $x$x$x; do echo $i; done", "ERROR : memory not allocated", 1},
		} {
			b.want(t, c.cmd, c.output, c.code)
		}
	})
}

// TestEndlessLines starts what takes for ever: Ctrl-C ends it, and so does the power switch.
func TestEndlessLines(t *testing.T) {
	for _, line := range []string{
		"while true; do done",
		"until false; do run nothing; done",
		"for a in $k; do for b in $k; do for c in $k; do for d in $k; do false; done; done; done; done",
		"while true; do sleep 1000; done",
	} {
		onBench(t, "", func(t *testing.T, b *bench) {
			// A flood pushes out what is not waited for, so the wait begins before the line is typed.
			begins := func() {
				t.Helper()
				begun := make(chan error)
				go func() {
					_, err := b.con.Expect(t.Context(), console.Wait{For: []console.Pattern{console.Text("begins\r\n")}})
					begun <- err
				}()
				synctest.Wait()
				b.con.Send(t.Context(), "echo beg''ins; "+line+"\n")
				if err := <-begun; err != nil {
					t.Fatalf("%s: %v", line, err)
				}
			}
			b.want(t, "setenv k x x x x x x x x x x; for i in 1 2; do setenv k $k $k $k $k $k $k $k $k $k $k; done", "", 0)
			for range 2 { // the prompt after Ctrl-C works
				begins()
				b.con.Send(t.Context(), "\x03")
				if _, err := b.con.Expect(t.Context(), console.Wait{For: []console.Pattern{console.Text("<INTERRUPT>\r\n=> ")}}); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
			}
			begins()
			b.On(t.Context()) // which first switches the power off
			if _, err := uboot.Interrupt(t.Context(), b.con, uboot.Default, uboot.AnyState, func(string) {}); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		})
	}
}
