package transport

import (
	"bufio"
	"context"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/input"
)

func init() {
	Register("unix", "unix:/path/to/socket", func(ctx context.Context, path string, _ Line) (Port, error) {
		for try := 0; hasClient(path); try++ {
			if try == checksPerSecond {
				return nil, errBusy("unix:"+path, "another program (`ss -xp` shows which)")
			}
			if err := (clock.Real{}).Sleep(ctx, time.Second/checksPerSecond); err != nil {
				return nil, err
			}
		}
		return connect(ctx, clock.Real{}, settleNear, func() (streamConn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		})
	})
}

// checksPerSecond is how often it is checked whether a server has noticed that its last client has disconnected.
const checksPerSecond = 20

// stateConnected is the state of a socket with a peer in /proc/net/unix.
const stateConnected = "03"

// hasClient reports whether the server at path, if it takes one client at a time as QEMU does, has one already:
// connecting would succeed, and nothing would ever be answered. Without /proc it reports false.
func hasClient(path string) bool {
	f, err := input.Open("/proc/net/unix")
	if err != nil {
		return false
	}
	defer f.Close()
	abs, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// Num RefCount Protocol Flags Type St Inode Path
		if col := strings.Fields(lines.Text()); len(col) == 8 && col[5] == stateConnected && (col[7] == path || col[7] == abs) {
			return true
		}
	}
	return false
}
