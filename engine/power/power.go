// Package power switches a board. It owns the drivers, one file each, which register themselves by their scheme; it
// does not know when a board should be on.
package power

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// Driver switches one board. Every call ends with its context. Check answers whether the controller can be reached,
// and switches nothing. Each run opens a driver of its own and calls it from one goroutine
// at a time; only where a script did not return, Off may come while an earlier call still ignores its context.
type Driver interface {
	Check(ctx context.Context) error
	On(ctx context.Context) error
	Off(ctx context.Context) error
}

// Instant is implemented by drivers that need no rest between off and on.
// Safe for concurrent use, as it answers the same at all times.
type Instant interface{ Instant() }

// Slow is implemented by drivers whose actions may take longer than switching a relay does.
// Safe for concurrent use, as it answers the same at all times.
type Slow interface {
	Timeout() time.Duration // for one action
}

type scheme struct {
	open    func(address string) (Driver, error)
	example string
}

var schemes = map[string]scheme{}

// Register adds a kind of driver. It is for init functions; example shows a whole specification. A driver whose example
// is its bare name takes no address.
func Register(name, example string, open func(address string) (Driver, error)) {
	if _, twice := schemes[name]; twice {
		panic("power: " + name + " is registered twice")
	}
	schemes[name] = scheme{open, example}
}

// Examples gives one specification of each kind, sorted, with "none" for a board that a person switches.
func Examples() []string {
	all := []string{"none"}
	for _, name := range slices.Sorted(maps.Keys(schemes)) {
		all = append(all, schemes[name].example)
	}
	return all
}

// Open gives the driver that spec names, SCHEME:ADDRESS or a bare name, and nil for "none".
func Open(spec string) (Driver, error) {
	if spec == "none" {
		return nil, nil
	}
	name, address, ok := strings.Cut(spec, ":")
	s, known := schemes[name]
	bare := s.example == name
	if !known || ok == bare || ok && address == "" {
		if address != "" {
			spec = name + ":…" // a mistyped URL may hold a password
		}
		return nil, classify.WithHint(classify.New(classify.Usage, "%q is not a power driver", spec),
			"a power driver is one of %s", strings.Join(Examples(), ", "))
	}
	return s.open(address)
}
