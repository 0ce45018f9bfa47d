package engine

import "time"

// Event is one thing that happened in a run. Their order is fixed:
//
//	plan (attempt (step … step-end)* attempt-end [retry])* power* cleanup* end
//
// and of Reach (step … step-end)* cleanup* end. Steps nest. Progress, note and unknown come wherever they happen, those
// of the image's download before the plan; progress of a step ten times a second at most, and when all is done. Fields that
// mean nothing for a type are empty. Plain data: safe for concurrent use while nothing changes it.
type Event struct {
	Time    time.Time     `json:"time"`
	Type    string        `json:"type"`
	Attempt int           `json:"attempt,omitempty"` // from 1
	Step    string        `json:"step,omitempty"`
	Text    string        `json:"text,omitempty"`
	Error   string        `json:"error,omitempty"`
	Kind    string        `json:"kind,omitempty"`
	Class   string        `json:"class,omitempty"`       // retry or fatal
	Rule    string        `json:"rule,omitempty"`        // that decided on the class
	Wait    time.Duration `json:"wait_ns,omitempty"`     // before the next attempt
	Took    time.Duration `json:"duration_ns,omitempty"` // of a step or attempt
	Done    int64         `json:"done,omitempty"`        // bytes
	Total   int64         `json:"total,omitempty"`       // bytes, 0 if not known
}

// The types of events.
const (
	EventPlan       = "plan"
	EventAttempt    = "attempt"
	EventAttemptEnd = "attempt-end"
	EventStep       = "step"
	EventStepEnd    = "step-end"
	EventRetry      = "retry"
	EventProgress   = "progress"
	EventPower      = "power"
	EventCleanup    = "cleanup"
	EventNote       = "note"
	EventUnknown    = "unknown"
	EventEnd        = "end"
)

// emit tells the subscriber, one event at a time.
func (r *run) emit(e Event) {
	if r.Events == nil {
		return
	}
	r.eventMu.Lock()
	defer r.eventMu.Unlock()
	r.deliver(e)
}

func (r *run) deliver(e Event) {
	e.Text, e.Error, e.Step = masked(r.secrets, e.Text), masked(r.secrets, e.Error), masked(r.secrets, e.Step)
	e.clip()
	e.Time = r.Clock.Now()
	e.Attempt = int(r.attemptNumber.Load())
	r.Events(e)
}

// progressInterval is how often it is told at most how far a step got: nobody looks more often.
const progressInterval = 100 * time.Millisecond

// progress tells how far a step got, in bytes.
func (r *run) progress(step string, done, total int64) {
	if r.Events == nil {
		return
	}
	r.eventMu.Lock()
	defer r.eventMu.Unlock()
	if r.lastProgress == nil {
		r.lastProgress = map[string]progressMark{}
	}
	last, ok := r.lastProgress[step]
	switch now := r.Clock.Now(); {
	case ok && done == last.done && total == last.total:
	case !ok || done < last.done || done == total || now.Sub(last.at) >= progressInterval:
		r.lastProgress[step] = progressMark{now, done, total}
		r.deliver(Event{Type: EventProgress, Step: step, Done: done, Total: total})
	}
}

// progressMark is how far a step got when that was told last.
type progressMark struct {
	at          time.Time
	done, total int64
}
