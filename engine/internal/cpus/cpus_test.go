package cpus

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
)

// TestUse holds that there is one piece of work for each CPU at a time, also after one that panics, and that the end
// of the context ends the wait.
func TestUse(t *testing.T) {
	n := runtime.GOMAXPROCS(0)
	func() {
		defer func() { recover() }()
		Use(t.Context(), func() error { panic("broken") })
	}()
	begun, release := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			Use(t.Context(), func() error {
				begun <- struct{}{}
				<-release
				return nil
			})
		})
	}
	for range n {
		<-begun
	}
	ended := errors.New("ended")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ended)
	if err := Use(ctx, func() error { t.Error("more pieces of work than CPUs"); return nil }); err != ended {
		t.Errorf("Use with an ended context = %v; want its cause", err)
	}
	close(release)
	all.Wait()
	if err := Use(t.Context(), func() error { return ended }); err != ended {
		t.Errorf("Use = %v; want the error of the work", err)
	}
}
