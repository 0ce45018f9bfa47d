package transport

import (
	"context"
	"net"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

func init() {
	Register("tcp", "tcp:HOST:PORT", func(ctx context.Context, address string, _ Line) (Port, error) {
		return connect(ctx, clock.Real{}, settleFar, func() (streamConn, error) { return dial(ctx, address) })
	})
}

// dial connects to a console server.
func dial(ctx context.Context, address string) (net.Conn, error) {
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return nil, classify.New(classify.Usage, "%q is not HOST:PORT", address)
	}
	d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true}}
	return d.DialContext(ctx, "tcp", address)
}
