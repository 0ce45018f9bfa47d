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

// exitSignals are the signals that end a run in an orderly way.
var exitSignals = map[os.Signal]string{syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP", syscall.SIGQUIT: "SIGQUIT"}

// systemSignals also keeps a closed pipe from ending the process: the reader of our lines may go, the board must still be
// switched off. A SIGHUP that nohup has the process ignore is ignored.
func systemSignals() (<-chan os.Signal, func()) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // not Ignore, which commands that we start would inherit
	arrived := make(chan os.Signal, 8)
	for s := range exitSignals {
		if s != syscall.SIGHUP || !signal.Ignored(s) {
			signal.Notify(arrived, s)
		}
	}
	return arrived, func() { signal.Stop(arrived) }
}

// requestWindow is the time in which several signals are one request: timeout(1) sends one to its child and one to the child's
// group, a terminal that hangs up and a service manager send different ones.
const requestWindow = 2 * time.Second

// interrupts counts what signals ask for. One goroutine calls arrive.
type interrupts struct {
	clk   clock.Clock
	end   func(os.Signal) // first request: the run ends
	hurry func(os.Signal) // second: it waits for nothing but the power driver
	kill  func(os.Signal) // third: the process ends

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

// signalContext is a command under way that signals end.
type signalContext struct {
	context.Context                 // ends with the first request
	hurry           <-chan struct{} // closed by the second
}

// withSignals begins to listen to signals. The caller calls stop when nothing is left that a signal could harm.
func (env Env) withSignals(clk clock.Clock) (w signalContext, stop func()) {
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
			fmt.Fprintf(env.Stderr, "%s%s again: only the power driver is waited for; one more ends flashlua at once, and may leave the board on\n", wiped, exitSignals[s])
		},
		kill: func(s os.Signal) { env.Exit(engine.ExitSignal + signalNumber(s)) },
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
