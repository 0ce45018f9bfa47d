// Package power switches a board on and off, and an output of the station in the same way. It owns the drivers: each
// has one file and registers itself by its scheme. It does not know when a board should be on. It is used by
// programs that embed flashlua to add a power driver.
package power

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
)

// Driver switches one board. Every call ends with its context. Check returns whether the controller can be
// reached, and switches nothing. Each run opens its own driver and calls it from one goroutine at a time, with one
// exception: if a script did not return, Off may be called while an earlier call still ignores its context.
type Driver interface {
	Check(ctx context.Context) error
	On(ctx context.Context) error
	Off(ctx context.Context) error
}

// Instant is implemented by drivers that need no pause between off and on. Its method is safe for concurrent use.
type Instant interface{ Instant() }

// Slow is implemented by drivers whose actions may take longer than a relay takes to switch. Its method always
// returns the same value and is safe for concurrent use.
type Slow interface {
	Timeout() time.Duration // of one action
}

// Nameable is implemented by drivers that name to a person what is switched. Its method returns the driver of the
// station's output of that name, and is safe for concurrent use.
type Nameable interface{ Named(output string) Driver }

// scheme is a kind of driver.
type scheme struct {
	open    func(address string) (Driver, error)
	example string
}

var schemes = map[string]scheme{}

// Register adds a kind of driver. It must be called from an init function; it panics if name is taken. example is
// a whole specification, NAME:ADDRESS. If example equals name, the driver takes no address.
func Register(name, example string, open func(address string) (Driver, error)) {
	if _, twice := schemes[name]; twice {
		panic("power: " + name + " is registered twice")
	}
	schemes[name] = scheme{open, example}
}

// Examples returns one specification of each kind of driver, sorted, after "none" for a board without a driver.
func Examples() []string {
	all := []string{"none"}
	for _, name := range slices.Sorted(maps.Keys(schemes)) {
		all = append(all, schemes[name].example)
	}
	return all
}

// Open returns the driver that spec names, SCHEME:ADDRESS or a bare name. For "none" it returns nil and no error.
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
		return nil, classify.WithHint(classify.New(classify.Usage, "%q is not a power driver%s", spec, nearest(name, known)),
			"a power driver is one of %s", strings.Join(Examples(), ", "))
	}
	return s.open(address)
}

// nearest returns the kind of driver that a mistyped name was meant to be, for an error.
func nearest(name string, known bool) string {
	if known {
		return ""
	}
	starts := map[string]string{"none": "none"} // what a specification begins with, by the driver's name
	for name, s := range schemes {
		if starts[name] = name; s.example != name {
			starts[name] += ":"
		}
	}
	return suggest.DidYouMean(starts[suggest.Closest(name, slices.Sorted(maps.Keys(starts)))])
}
