// Package transport opens the byte stream of a board's console. It owns addresses, locks and the ways in which a
// port can be unavailable; it does not know what passes through. Each kind of port has one file and registers
// itself by its scheme. It is used by programs that embed flashlua to add a kind of port.
package transport

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine/internal/unavailable"
)

// Port is an open console. Close ends a blocked Read and a blocked Write. It is safe for concurrent use by one
// goroutine that reads, one that writes, and any that closes.
type Port interface{ io.ReadWriteCloser }

// Line is how a serial port is set up, by the schemes serial and rfc2217; other ports ignore it. Zero fields mean
// the default. It is plain data: safe for concurrent use while nothing changes it.
type Line struct {
	Baud    int    // default 115200
	Framing string // data bits, parity, stop bits; default "8N1"
	Flow    string // "none", the default, "rtscts" or "xonxoff"
}

// DefaultBaud is the speed of a port whose Line has none, in baud.
const DefaultBaud = 115200

// Opener opens the port at address, the text after the scheme. It is safe for concurrent use.
type Opener func(ctx context.Context, address string, line Line) (Port, error)

type scheme struct {
	open    Opener
	example string
}

var schemes = map[string]scheme{}

// Register adds a kind of port. It must be called from an init function; it panics if name is taken. example is a
// whole specification.
func Register(name, example string, open Opener) {
	if _, twice := schemes[name]; twice {
		panic("transport: " + name + " is registered twice")
	}
	schemes[name] = scheme{open, example}
}

// Examples returns one specification of each kind of port, sorted.
func Examples() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(schemes)) {
		all = append(all, schemes[name].example)
	}
	return all
}

// Check returns an error if spec names no kind of port. It opens nothing. The path of a device without a scheme is a
// serial port.
func Check(spec string) error {
	name, address, _ := strings.Cut(WithScheme(spec), ":")
	if _, known := schemes[name]; known && address != "" {
		return nil
	}
	return classify.WithHint(classify.New(classify.Usage, "%q is not a console port%s", spec, suggest.DidYouMean(meantPort(spec))),
		"a port is one of %s", strings.Join(Examples(), ", "))
}

// Open opens the port that spec names, SCHEME:ADDRESS, and locks it against other flashlua processes on this
// machine. Closing the port releases the lock.
func Open(ctx context.Context, spec string, line Line) (Port, error) {
	if err := Check(spec); err != nil {
		return nil, err
	}
	spec = WithScheme(spec)
	name, address, _ := strings.Cut(spec, ":")
	s := schemes[name]
	at, err := canonical(ctx, name, address)
	if err != nil {
		return nil, classify.Wrap(err, "", "looking for the console port %s", spec)
	}
	lock, err := acquire(spec, at)
	if err != nil {
		return nil, err
	}
	port, err := s.open(ctx, address, line)
	if err != nil {
		lock.release()
		return nil, classify.WithHint(classify.Wrap(err, unavailable.Kind(err, classify.TransportAway, classify.TransportOpen), "cannot open the console port %s", spec),
			"check the address after --port, and that whatever serves the console runs")
	}
	if p, ok := port.(prober); ok {
		return &probedPort{lockedPort{port, lock}, p}, nil
	}
	return &lockedPort{port, lock}, nil
}

// lockedPort releases its lock when it is closed.
type lockedPort struct {
	Port
	lock *lock
}

// SpeedSetter is a Port whose line has a speed that can change while it is open. It is used by one goroutine beside
// those that read and write.
type SpeedSetter interface {
	Speed() int // in baud; 0 if this port cannot change it
	SetSpeed(ctx context.Context, baud int) error
}

// Speed returns the speed of the line in baud, 0 if it cannot change.
func (p *lockedPort) Speed() int {
	if s, ok := p.Port.(SpeedSetter); ok {
		return s.Speed()
	}
	return 0
}

// SetSpeed changes the speed of the line.
func (p *lockedPort) SetSpeed(ctx context.Context, baud int) error {
	if s, ok := p.Port.(SpeedSetter); ok {
		return s.SetSpeed(ctx, baud)
	}
	return errors.ErrUnsupported
}

// probedPort is a port that can be open and not lead to the console.
type probedPort struct {
	lockedPort
	prober
}

// Connected waits until the port leads to the console, as far as that can be known without an answer of the board,
// and returns the reason if it does not. It is meant for the moment before the board gets power, because it may
// type a NUL.
func (p *probedPort) Connected(ctx context.Context) error { return p.probe(ctx) }

// Close closes the port and releases the lock.
func (p *lockedPort) Close() error {
	err := p.Port.Close()
	p.lock.release()
	return err
}

// errBusy returns the error of a port that another process holds.
func errBusy(spec, holder string) error {
	return classify.WithHint(classify.New(classify.TransportBusy, "the console port %s is in use by %s", spec, holder),
		"end that program, or use another port")
}
