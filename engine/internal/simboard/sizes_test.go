package simboard

import (
	"testing"

	"github.com/flashlua/flashlua/engine/shell"
)

// TestSizesOfPrograms types sizes beyond any board: they are refused as on a board, and take no memory.
func TestSizesOfPrograms(t *testing.T) {
	inLinux(t, func(t *testing.T, _ *bench, sh *shell.Shell) {
		for _, c := range []struct {
			cmd, want string
			code      int
		}{
			{"echo x | dd of=/tmp/f bs=1M seek=9000000000000 2>&1", "dd: /tmp/f: Invalid argument", 1},
			{"dd if=/tmp/f bs=64M skip=4611686018427387904 count=1 2>&1", "dd: /tmp/f: Invalid argument", 1},
			{"dd if=/proc/cmdline iflag=skip_bytes bs=64M skip=9223372036854775807 count=1 status=none | wc -c", "0", 0},
			{"echo x | dd of=/tmp/f bs=1 oflag=seek_bytes seek=9223372036854775807 2>&1 | head -n 1", "dd: error writing '/tmp/f': File too large", 0},
			{"echo x | dd of=/tmp/f bs=1M seek=1000000000 2>&1 | head -n 1", "dd: error writing '/tmp/f': File too large", 0},
			{"rm /tmp/f; echo x | dd of=/tmp/f bs=1M seek=1 2>/dev/null; wc -c </tmp/f", "1048578", 0},
			{"dd bs=99999999999999999G 2>&1", "dd: number 99999999999999999G is not in 1..9223372036854775807 range", 1},
			{"seq 5 | tail -c --5 2>&1", "tail: invalid number '-5'", 1},
			{"seq 5 | tail -c 9999999999G 2>&1", "tail: invalid number '9999999999G'", 1},
			{"seq 5 | tail -c 2", "5", 0},
			{"{ cat /dev/zero | tr '\\0' x; } 2>/dev/null | grep y 2>&1; echo left", "grep: (standard input): Cannot allocate memory\nleft", 0},
			{"yes | tail -n 99999999 2>&1", "tail: read error: Cannot allocate memory", 1},
			{"x=$(cat /dev/zero 2>/dev/null | tr '\\0' x 2>/dev/null); echo $(( ${#x} > 60000000 )) $(( ${#x} <= 64 << 20 ))", "1 1", 0},
		} {
			if got, code := answer(t, sh, c.cmd); got != c.want || code != c.code {
				t.Errorf("%s = %q, %d; want %q, %d", c.cmd, got, code, c.want, c.code)
			}
		}
	})
}
