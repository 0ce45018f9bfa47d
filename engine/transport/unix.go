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
		for try := 0; listenOnce(path); try++ {
			if try == patience {
				return nil, errBusy("unix:"+path, "another program (`ss -xp` shows which)")
			}
			if err := (clock.Real{}).Sleep(ctx, time.Second/patience); err != nil {
				return nil, err
			}
		}
		return connect(ctx, clock.Real{}, settleNear, func() (streamConn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		})
	})
}

// patience is how often within a second a server is asked again whether it has noticed that its last client left.
const patience = 20

// connected is the state of a socket with a peer in /proc/net/unix.
const connected = "03"

// listenOnce reports whether the server at path, which takes one client at a time as QEMU does, has one already: to connect
// would succeed, and nothing would ever be answered. Without /proc it reports false.
func listenOnce(path string) bool {
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
		if col := strings.Fields(lines.Text()); len(col) == 8 && col[5] == connected && (col[7] == path || col[7] == abs) {
			return true
		}
	}
	return false
}
