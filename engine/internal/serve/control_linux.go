package serve

import (
	"context"
	"encoding/binary"
	"net"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/engine/input"
)

// controlPrefix begins the names of the control sockets, which are abstract: the kernel removes them with their
// process. The address of the port follows.
const controlPrefix = "@flashlua-tftp-"

// listenControl listens on the control socket of an address. The error is EADDRINUSE while another process does.
func listenControl(ctx context.Context, address string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "unixpacket", controlPrefix+address)
}

// dialControl connects to the process that listens on the control socket of an address.
func dialControl(ctx context.Context, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unixpacket", controlPrefix+address)
}

// controlled returns the addresses that have a control socket.
func controlled() (addresses []string) {
	all, err := input.Read("/proc/net/unix", 16<<20)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(all)) {
		// Num RefCount Protocol Flags Type St Inode Path; a socket that accepted a connection has the same path
		col := strings.Fields(line)
		if len(col) == 8 && col[3] == "00010000" { // __SO_ACCEPTCON: it listens
			if address, ok := strings.CutPrefix(col[7], controlPrefix); ok {
				addresses = append(addresses, address)
			}
		}
	}
	return addresses
}

// peerOf returns the process at the other end of a control socket.
func peerOf(conn net.Conn) (p peerProcess, err error) {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return p, err
	}
	failed := raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			p = peerProcess{pid: int(cred.Pid), user: int(cred.Uid), groups: append(peerGroups(fd), int(cred.Gid))}
		}
	})
	if failed != nil {
		err = failed
	}
	return p, err
}

// peerGroups returns the supplementary groups of the process at the other end of a socket, as they were when it
// connected; none if the kernel, before 4.13, does not report them.
func peerGroups(fd uintptr) (groups []int) {
	buf := make([]byte, 4<<16) // 65536 groups, the most that Linux allows
	size := uint32(len(buf))
	_, _, failed := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
		uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&size)), 0)
	if failed != 0 {
		return nil
	}
	for i := 0; i+4 <= int(size); i += 4 {
		groups = append(groups, int(binary.NativeEndian.Uint32(buf[i:])))
	}
	return groups
}
