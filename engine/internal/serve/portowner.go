package serve

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/flashlua/flashlua/engine/input"
)

// portOwner names the process that listens on a port, as far as /proc shows it. network is "udp" or "tcp".
func portOwner(network string, port int) string {
	for _, version := range []string{"", "6"} {
		f, err := input.Open("/proc/net/" + network + version)
		if err != nil {
			continue
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			// sl local_address rem_address st queues tr tm->when retrnsmt uid timeout inode …
			col := strings.Fields(lines.Text())
			if len(col) > 9 && strings.HasSuffix(col[1], fmt.Sprintf(":%04X", port)) {
				return socketOwner(col[9])
			}
		}
	}
	return "another program"
}

func socketOwner(inode string) string {
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && to == "socket:["+inode+"]" {
			pid := strings.Split(fd, "/")[2]
			name, _ := input.Read("/proc/"+pid+"/comm", 1<<10)
			return fmt.Sprintf("process %s (%s)", pid, strings.TrimSpace(string(name)))
		}
	}
	return "another user's program"
}
