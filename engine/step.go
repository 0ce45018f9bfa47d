package engine

import (
	"context"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
)

// StepOptions are the options of a step. The zero value has no deadline and no retries of its own.
// Plain data: safe for concurrent use while nothing changes it.
type StepOptions struct {
	Retries  int           // tries after the first, without a power cycle between them
	Timeout  time.Duration // of each try
	Destroys string        // name of a target that commands of the step may destroy; "" is none
	Watch    console.Watch // patterns of failure on the console, besides those of the policy
}

// Step runs f as a named step, with its options. It may run steps within steps.
func (s *Session) Step(ctx context.Context, name string, o StepOptions, f func(context.Context) error) error {
	if err := s.CheckActive(); err != nil {
		return err
	}
	if o.Destroys != "" {
		if err := s.errIfChecking("step " + name + " with destroys"); err != nil {
			return err
		}
	}
	defer s.steps.push(name, o.Destroys)()
	var earlier []error
	for n := 0; ; n++ {
		s.run.events.emit(Event{Type: EventStep, Step: name})
		began := s.run.Clock.Now()
		err := s.runStepOnce(ctx, name, o, f)
		err = classify.WithTry(err, s.Attempt(), n+1, s.run.history.errors())
		e := Event{Type: EventStepEnd, Step: name, Took: s.run.Clock.Now().Sub(began)}
		if err == nil {
			s.run.events.emit(e)
			return nil
		}
		e.Error, e.Kind = err.Error(), string(classify.Facts(err).Kind)
		s.run.events.emit(e)
		err = classify.WithSecondary(err, earlier...)
		if n >= o.Retries || context.Cause(ctx) != nil || needsNewAttempt(err) {
			return err
		}
		d := s.run.decider.decide(ctx, err)
		if d.Class == classify.Fatal {
			return d.Err
		}
		earlier = append(earlier, d.Err)
		s.run.history.add(d.Err)
		wait := classify.Backoff{}.Wait(n)
		s.run.events.emit(Event{Type: EventRetry, Step: name, Wait: wait, Rule: string(d.Rule)})
		if err := s.run.Clock.Sleep(ctx, wait); err != nil {
			return classify.WithStep(classify.WithSecondary(err, d.Err), name)
		}
	}
}

// needsNewAttempt reports whether the board has left the state in which the step began: a retry of the step cannot
// help then.
func needsNewAttempt(err error) bool {
	return classify.Find(err, "board") != nil || classify.Find(err, classify.TransportLost) != nil || classify.Find(err, classify.TransportBusy) != nil || classify.Find(err, classify.TransportAway) != nil
}

func (s *Session) runStepOnce(ctx context.Context, name string, o StepOptions, f func(context.Context) error) error {
	if limit := o.Timeout; limit > 0 {
		timedOut := classify.WithHint(classify.New(classify.DeadlineStep, "step %s took longer than %s", name, limit), "raise the step's timeout if the board needs longer")
		var cancel context.CancelFunc
		ctx, cancel = clock.WithTimeout(ctx, s.run.Clock, limit, timedOut)
		defer cancel()
	}
	defer s.run.console.PushAborts(o.Watch)()
	err := f(ctx)
	if cause := context.Cause(ctx); err == nil && cause != nil {
		err = cause // the script may have caught the error
	}
	return classify.WithStep(err, name)
}

// stepStack are the steps that are running, the outer one first.
type stepStack struct {
	names    []string
	destroys []string // targets that some of them may destroy
}

// push adds a step. leave removes it.
func (s *stepStack) push(name, destroys string) (leave func()) {
	s.names = append(s.names, name)
	if destroys != "" {
		s.destroys = append(s.destroys, destroys)
	}
	return func() {
		s.names = s.names[:len(s.names)-1]
		if destroys != "" {
			s.destroys = s.destroys[:len(s.destroys)-1]
		}
	}
}

// innermost returns the name of the inner step.
func (s *stepStack) innermost() string { return s.names[len(s.names)-1] }
