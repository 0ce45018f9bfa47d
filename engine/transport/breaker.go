package transport

import (
	"context"
	"errors"
	"time"
)

// Breaker is a Port that can send a BREAK, which Linux on a serial console takes as the SysRq key. It is used by one
// goroutine beside those that read and write.
type Breaker interface {
	Break(ctx context.Context) error
}

// breakTime is how long the line is held. Source: tcsendbreak(3), which holds it for 0.25 to 0.5 s.
const breakTime = 250 * time.Millisecond

// telBreak is the BREAK of a telnet client. Source: RFC 854.
const telBreak byte = 243

// Break sends a BREAK. The error is errors.ErrUnsupported if the kind of port has none.
func (p *lockedPort) Break(ctx context.Context) error {
	if b, ok := p.Port.(Breaker); ok {
		return b.Break(ctx)
	}
	return errors.ErrUnsupported
}

// Break implements Breaker.
func (t *tty) Break(context.Context) error { return t.ctl.Break(breakTime) }

// Break implements Breaker. The server holds the line.
func (t *telnetPort) Break(context.Context) error { return t.sendRaw([]byte{telIAC, telBreak}) }
