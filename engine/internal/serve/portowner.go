package serve

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/engine/input"
)

// portSocket is a socket that listens on a port.
type portSocket struct {
	user  int // id of the user that opened it
	inode string
}

// portSockets returns the sockets on a port. network is "udp" or "tcp". It is not known without /proc.
func portSockets(network string, port int) (all []portSocket, known bool) {
	for _, version := range []string{"", "6"} {
		f, err := input.Open("/proc/net/" + network + version)
		if err != nil {
			continue
		}
		defer f.Close()
		known = true
		for lines := bufio.NewScanner(f); lines.Scan(); {
			// sl local_address rem_address st queues tr tm->when retrnsmt uid timeout inode …
			col := strings.Fields(lines.Text())
			if len(col) > 9 && strings.HasSuffix(col[1], fmt.Sprintf(":%04X", port)) {
				user, _ := strconv.Atoi(col[7])
				all = append(all, portSocket{user, col[9]})
			}
		}
	}
	return all, known
}

// portOwner names the process that listens on a port, as far as /proc shows it. network is "udp" or "tcp".
func portOwner(network string, port int) string {
	all, _ := portSockets(network, port)
	if len(all) == 0 {
		return "another program"
	}
	return socketOwner(all[0].inode)
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
