package serve

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"

	"github.com/flashlua/flashlua/classify"
)

// ListenError wraps the error of listening on an address with the process that uses it, and a hint.
func ListenError(err error, network, address string) error {
	if err == nil {
		return nil
	}
	kind := classify.ConfigPlan
	if errors.Is(err, syscall.EADDRINUSE) {
		kind = classify.StationPort
	}
	e := classify.Wrap(err, kind, "cannot serve the board at %s, %s", network, address)
	_, text, _ := net.SplitHostPort(address)
	port, _ := strconv.Atoi(text)
	other, service := "", "root"
	if port == 69 {
		other = ", or use a TFTP server that is there: --tftp-dir names its folder"
		service = "root, or `flashlua tftp` as a service of root"
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return classify.WithHint(e, "port %d is in use by %s, perhaps for another board: wait until it ends, or set net.listen to another address of this machine%s", port, portOwner(network, port), other)
	case errors.Is(err, syscall.EACCES):
		return classify.WithHint(e, "port %d needs %s, or once: sudo setcap cap_net_bind_service=+ep flashlua%s", port, service, other)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return classify.WithHint(e, "net.listen and net.tftp in the policy must be addresses of this machine")
	}
	return e
}

// IsLocal reports whether host is an address that the station can listen on.
func IsLocal(ctx context.Context, host string) bool {
	conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp", net.JoinHostPort(host, "0"))
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
