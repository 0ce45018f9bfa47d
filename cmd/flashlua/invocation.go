package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/visible"
)

// invocation is a running command that works on a board. Signals cancel its context, and no output can block it.
type invocation struct {
	signalContext
	drainBudget
	stdout, stderr *sink
}

// begin starts to handle signals and replaces the standard streams of env by sinks. The command must call begin
// before it creates its first file, and end last.
func (env *Env) begin(clk clock.Clock) (inv *invocation, end func()) {
	mark := func(lost engine.Loss) []byte { return fmt.Appendf(nil, "[flashlua: %s]\n", describeLoss(lost)) }
	inv = &invocation{stdout: newSink("messages", env.Stdout, mark), stderr: newSink("messages", env.Stderr, mark)}
	ofSink := func(measure func(io.Writer) int) func(io.Writer) int {
		return func(w io.Writer) int {
			if s, ok := w.(*sink); ok {
				w = s.w
			}
			return measure(w)
		}
	}
	env.Terminal = ofSink(env.Terminal)
	if env.Height != nil {
		env.Height = ofSink(env.Height)
	}
	env.Stdout, env.Stderr = inv.stdout, inv.stderr
	var stop func()
	inv.signalContext, stop = env.withSignals(clk)
	inv.drainBudget = drainBudget{clk: clk, hurry: inv.signalContext.hurry}
	return inv, func() {
		inv.wait(inv.stderr, inv.stdout)
		stop()
	}
}

// until calls f, which takes no context, and returns its results. If the invocation is cancelled and f does not
// return within grace, until abandons f and returns the cause of the cancellation.
func until[T any](inv *invocation, grace time.Duration, f func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		r.err = recoverPanic(func() (err error) {
			r.v, err = f()
			return err
		})
		done <- r
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-inv.Done():
	}
	late, stop := clock.After(inv.clk, grace)
	defer stop()
	select {
	case r := <-done:
		return r.v, r.err
	case <-late:
		var none T
		return none, context.Cause(inv)
	}
}

// close ends an output. It reports dropped data on the standard error and in the report. s may be nil.
func (env Env) close(s *sink, report *engine.Report) {
	if s == nil {
		return
	}
	s.end()
	if err := s.lossError(); err != nil {
		are := "is"
		if s.name == "events" {
			are = "are"
		}
		fmt.Fprintf(env.Stderr, "the %s %s incomplete: %s\n", s.name, are, visible.Text(err.Error()))
	}
	report.Lost = appendLost(report.Lost, s)
	if _, err := s.state(); err != nil {
		addOutputError(report, classify.Wrap(err, classify.OutputWrite, "the %s could not be written", s.name))
	}
}

func appendLost(all []engine.Loss, s *sink) []engine.Loss {
	if lost, _ := s.state(); lost.Bytes > 0 {
		all = append(all, lost)
	}
	return all
}
