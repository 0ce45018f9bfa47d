// Package cpus bounds the work that keeps a CPU busy, hashing above all, so that the consoles of boards are read in
// time however many boards a process flashes. It owns how many pieces of such work take place at a time. It must not
// know what they are.
package cpus

import (
	"context"
	"runtime"
)

// slots has an element for each piece of work that takes place: as many as there are CPUs.
var slots = make(chan struct{}, runtime.GOMAXPROCS(0))

// Use waits for a CPU, does a piece of work of some milliseconds, and returns its error. The work must not wait for
// anything but files, and must not call Use. If ctx ends first, Use returns its cause. Safe for concurrent use.
func Use(ctx context.Context, work func() error) error {
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-slots }()
	return work()
}
