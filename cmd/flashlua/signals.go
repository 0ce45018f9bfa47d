package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
)

// exitSignals are the names of the signals that end a run in an orderly way.
var exitSignals = map[os.Signal]string{syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP", syscall.SIGQUIT: "SIGQUIT"}

// systemSignals subscribes to exitSignals. SIGHUP stays ignored under nohup. SIGPIPE no longer ends the process:
// the board must be switched off even if the reader of the output has ended.
func systemSignals() (<-chan os.Signal, func()) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // not signal.Ignore, which child processes inherit
	arrived := make(chan os.Signal, 8)
	for s := range exitSignals {
		if s != syscall.SIGHUP || !signal.Ignored(s) {
			signal.Notify(arrived, s)
		}
	}
	return arrived, func() { signal.Stop(arrived) }
}

// requestWindow is the time within which several signals count as one request: timeout(1) sends one to its child
// and one to the child's process group; a terminal that hangs up and a service manager send different ones.
const requestWindow = 2 * time.Second

// interrupts counts requests to end. Only one goroutine calls handle.
type interrupts struct {
	clk   clock.Clock
	end   func(os.Signal) // first request: cancel the run
	hurry func(os.Signal) // second request: wait for the power driver alone
	kill  func(os.Signal) // third request: end the process

	requests int
	last     time.Time // when the last request began
}

func (i *interrupts) handle(s os.Signal) {
	now := i.clk.Now()
	if i.requests > 0 && now.Sub(i.last) < requestWindow {
		return
	}
	i.requests++
	i.last = now
	switch i.requests {
	case 1:
		i.end(s)
	case 2:
		i.hurry(s)
	default:
		i.kill(s)
	}
}

// signalContext is a context that signals cancel.
type signalContext struct {
	context.Context                 // cancelled by the first request
	hurry           <-chan struct{} // closed by the second request
}

// withSignals starts to handle signals. The caller calls stop when the command has nothing left to clean up.
func (env Env) withSignals(clk clock.Clock) (w signalContext, stop func()) {
	if env.remote != nil {
		return signalContext{env.remote.ctx, env.remote.hurry}, func() {}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	hurry, done, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	i := &interrupts{
		clk: clk,
		end: func(s os.Signal) { cancel(engine.InterruptedBy(exitSignals[s], signalNumber(s))) },
		hurry: func(s os.Signal) {
			close(hurry)
			wiped := ""
			if env.canRedraw(env.Stderr) {
				wiped = clearLine
			}
			fmt.Fprintf(env.Stderr, "%s%s again: waiting only for the power driver; one more signal exits at once and may leave the board on\n", wiped, exitSignals[s])
		},
		kill: func(s os.Signal) { env.Exit(int(engine.ExitSignal) + signalNumber(s)) },
	}
	arrived, ignore := env.Signals()
	go func() {
		defer close(over)
		for {
			select {
			case s := <-arrived:
				i.handle(s)
			case <-done:
				return
			}
		}
	}()
	return signalContext{ctx, hurry}, func() {
		close(done)
		<-over
		ignore()
		cancel(nil)
	}
}

func signalNumber(s os.Signal) int {
	n, _ := s.(syscall.Signal)
	return int(n)
}
