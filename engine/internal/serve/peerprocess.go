package serve

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
)

// peerProcess is the process at the other end of a control socket.
type peerProcess struct {
	pid, user int
	groups    []int
}

func (p peerProcess) String() string {
	name := strconv.Itoa(p.user)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	return fmt.Sprintf("process %d of user %s", p.pid, name)
}

// mayRegister reports whether the process may have requests forwarded. group is the id of the group to which it must
// belong, negative for none.
func (p peerProcess) mayRegister(group int) bool {
	return group < 0 || p.user == 0 || p.user == os.Getuid() || slices.Contains(p.groups, group)
}

// hasPort reports whether a socket on a UDP port belongs to the user of the process: anyone can open the control
// socket of a port, but not the port. It is true if the sockets are not known.
func (p peerProcess) hasPort(port int) bool {
	all, known := portSockets("udp", port)
	return !known || slices.ContainsFunc(all, func(s portSocket) bool { return s.user == p.user })
}
