package report

import (
	"slices"
	"sort"
	"time"

	"github.com/flashlua/flashlua/engine"
)

// timeline is what the events say of one flash, or of a program itself.
type timeline struct {
	begin, end time.Time
	attempts   []*attempt
	around     *step // what is in no attempt: the plan, the check, the end
	plan       string
}

// attempt is an attempt of a timeline. Without its end the run was killed.
type attempt struct {
	number     int
	begin, end time.Time
	ended      bool
	took       time.Duration
	failure    engine.Event // of its end
	wait       time.Duration
	steps      []*step // in the order in which they began
	between    *step   // what is in no step
}

// step is a part of a timeline, to which lines of the console belong.
type step struct {
	name       string
	depth      int // 0 is a step in no other one
	begin, end time.Time
	ended      bool
	took       time.Duration
	err, kind  string
	retry      string // why it was tried again
	notes      []engine.Event
	progress   []engine.Event
	console    *section
}

// owner is the step to which the lines of the console belong from a time on.
type owner struct {
	from time.Time
	step *step
}

// timelineOf reads the events of one flash, or those of the run itself with number 0.
func timelineOf(events []engine.Event, number int) (t *timeline, owners []owner) {
	t = &timeline{around: &step{name: "before, between and after the attempts"}}
	var current *attempt
	var open []*step
	inner := func() *step {
		switch {
		case len(open) > 0:
			return open[len(open)-1]
		case current != nil:
			return current.between
		}
		return t.around
	}
	own := func(at time.Time) {
		owners = append(owners, owner{at.Truncate(time.Millisecond), inner()})
	}
	for _, e := range events {
		if e.Run != number {
			continue
		}
		if t.begin.IsZero() {
			t.begin = e.Time
			own(e.Time)
		}
		t.end = e.Time
		switch e.Type {
		case engine.EventPlan:
			t.plan = e.Text
		case engine.EventAttempt:
			current = &attempt{number: e.Attempt, begin: e.Time, end: e.Time, between: &step{name: "between the steps", begin: e.Time}}
			t.attempts, open = append(t.attempts, current), nil
			own(e.Time)
		case engine.EventAttemptEnd:
			if current != nil {
				current.end, current.ended, current.took, current.failure = e.Time, true, e.Took, e
			}
			current, open = nil, nil
			own(e.Time)
		case engine.EventStep:
			s := &step{name: e.Step, depth: len(open), begin: e.Time, end: e.Time}
			if current != nil {
				current.steps = append(current.steps, s)
			} else {
				t.lone().steps = append(t.lone().steps, s)
			}
			open = append(open, s)
			own(e.Time)
		case engine.EventStepEnd:
			for i := len(open) - 1; i >= 0; i-- {
				if s := open[i]; s.name == e.Step {
					s.end, s.ended, s.took, s.err, s.kind = e.Time, true, e.Took, e.Error, e.Kind
					open = open[:i]
					break
				}
			}
			own(e.Time)
		case engine.EventRetry:
			t.retry(e, current)
		case engine.EventProgress:
			addProgress(open, inner(), e)
		case engine.EventEnd:
		default:
			inner().notes = append(inner().notes, e)
		}
		for _, s := range open { // a step without its end lasts until the last event
			s.end = e.Time
		}
		if current != nil {
			current.end = e.Time
		}
	}
	return t, owners
}

// lone returns the attempt with number 0, to which steps belong that are in no attempt.
func (t *timeline) lone() *attempt {
	if n := len(t.attempts); n > 0 && t.attempts[n-1].number == 0 {
		return t.attempts[n-1]
	}
	t.attempts = append(t.attempts, &attempt{begin: t.end, end: t.end, ended: true, between: t.around})
	return t.attempts[len(t.attempts)-1]
}

// retry records another attempt, or another try of a step.
func (t *timeline) retry(e engine.Event, current *attempt) {
	if e.Step == "" || current == nil {
		if n := len(t.attempts); n > 0 {
			t.attempts[n-1].wait = e.Wait
		}
		return
	}
	for _, s := range slices.Backward(current.steps) {
		if s.name == e.Step && s.ended {
			s.retry = "tried again after " + inSeconds(e.Wait)
			return
		}
	}
}

// addProgress adds progress to the open step of its name, otherwise to the innermost one.
func addProgress(open []*step, inner *step, e engine.Event) {
	for _, s := range slices.Backward(open) {
		if s.name == e.Step {
			inner = s
			break
		}
	}
	inner.progress = append(inner.progress, e)
}

// steps returns all steps of a timeline, and the parts that are in no step.
func (t *timeline) steps() []*step {
	all := []*step{t.around}
	for _, a := range t.attempts {
		if a.between != t.around {
			all = append(all, a.between)
		}
		all = append(all, a.steps...)
	}
	return all
}

// ownerAt returns the step to which a line of the console belongs. The owners are in the order of time.
func ownerAt(owners []owner, at time.Time, otherwise *step) *step {
	i := sort.Search(len(owners), func(i int) bool { return owners[i].from.After(at) })
	if i == 0 {
		return otherwise
	}
	return owners[i-1].step
}
