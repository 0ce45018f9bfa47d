// Package transport opens the byte stream of a board's console. It owns addresses, locks and the ways a port can be
// unavailable; it does not know what passes through. One file a kind of port; each registers itself by its scheme.
package transport

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// Port is an open console. Close frees a blocked Read and a blocked Write. Safe for concurrent use: one goroutine
// reads, another one writes, and any may close.
type Port interface{ io.ReadWriteCloser }

// Line is how a port with a speed is set, serial and rfc2217. Zero fields take the default; other ports take no notice.
// Plain data: safe for concurrent use while nothing changes it.
type Line struct {
	Baud    int    // default 115200
	Framing string // data bits, parity, stop bits; default "8N1"
	Flow    string // "none", the default, "rtscts" or "xonxoff"
}

// DefaultBaud is what boards talk at unless they say otherwise.
const DefaultBaud = 115200

// Opener opens the port at address, which is what follows the scheme. Safe for concurrent use.
type Opener func(ctx context.Context, address string, line Line) (Port, error)

type scheme struct {
	open    Opener
	example string
}

var schemes = map[string]scheme{}

// Register adds a kind of port. It is for init functions; example shows a whole specification.
func Register(name, example string, open Opener) {
	if _, twice := schemes[name]; twice {
		panic("transport: " + name + " is registered twice")
	}
	schemes[name] = scheme{open, example}
}

// Examples gives one specification of each kind, sorted.
func Examples() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(schemes)) {
		all = append(all, schemes[name].example)
	}
	return all
}

// Check answers whether spec names a kind of port, and touches nothing.
func Check(spec string) error {
	name, address, _ := strings.Cut(spec, ":")
	if _, known := schemes[name]; known && address != "" {
		return nil
	}
	return classify.WithHint(classify.New(classify.Usage, "%q is not a console port", spec),
		"a port is one of %s", strings.Join(Examples(), ", "))
}

// Open opens the port that spec names, SCHEME:ADDRESS, and locks it against other flashlua processes on this machine.
func Open(ctx context.Context, spec string, line Line) (Port, error) {
	if err := Check(spec); err != nil {
		return nil, err
	}
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
		return nil, classify.WithHint(classify.Wrap(err, classify.TransportOpen, "cannot open the console port %s", spec),
			"check the address after --port, and that whatever serves the console runs")
	}
	if p, ok := port.(prober); ok {
		return &remote{locked{port, lock}, p}, nil
	}
	return &locked{port, lock}, nil
}

// locked releases the lock when the port is closed.
type locked struct {
	Port
	lock *lock
}

// remote is a port that is open before it is known to lead to the console.
type remote struct {
	locked
	prober
}

// Connected waits until the port leads to the console, as far as that can be known without an answer of the board, and
// returns the reason if it does not. It is for the moment before the board gets power: it may type a NUL.
func (r *remote) Connected(ctx context.Context) error { return r.probe(ctx) }

func (l *locked) Close() error {
	err := l.Port.Close()
	l.lock.release()
	return err
}

// errBusy is the error of a port that somebody else holds.
func errBusy(spec, holder string) error {
	return classify.WithHint(classify.New(classify.TransportBusy, "the console port %s is in use by %s", spec, holder),
		"end that program, or use another port")
}
