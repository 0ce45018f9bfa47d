package engine

import "time"

// Event is one thing that happened in a run. Their order is fixed:
//
//	hold* plan (attempt (step … step-end)* attempt-end [retry])* [step … step-end] power* cleanup* end
//
// where the step after the last attempt is the policy's check, and
// that of Interactive is (step … step-end)* cleanup* end. Steps nest. Progress, output, note and unknown come at any
// time; those of the image's download come before the plan. A step has at most ten progress events a second, and
// one when it is complete. Fields that mean nothing for a type are empty. Plain data: safe for concurrent use
// while nothing changes it.
type Event struct {
	Time    time.Time     `json:"time"`
	Type    EventType     `json:"type"`
	Run     int           `json:"run,omitempty"`     // number of the flash in its program, from 1; 0 is none
	Board   string        `json:"board,omitempty"`   // of that flash
	Port    string        `json:"port,omitempty"`    // of that flash
	Shared  bool          `json:"-"`                 // that flash is one of several at the same time
	Attempt int           `json:"attempt,omitempty"` // from 1
	Step    string        `json:"step,omitempty"`
	Output  string        `json:"output,omitempty"` // name of an output of the station
	Place   int           `json:"place,omitempty"`  // in the queue for the station, from 1; 0 when it is held
	Text    string        `json:"text,omitempty"`
	Error   string        `json:"error,omitempty"`
	Kind    string        `json:"kind,omitempty"`
	Class   string        `json:"class,omitempty"`       // retry or fatal
	Rule    string        `json:"rule,omitempty"`        // that decided on the class
	Last    bool          `json:"last,omitempty"`        // no attempt follows, although the class is retry
	Wait    time.Duration `json:"wait_ns,omitempty"`     // before the next attempt
	Took    time.Duration `json:"duration_ns,omitempty"` // of a step or attempt
	Done    int64         `json:"done,omitempty"`        // bytes
	Total   int64         `json:"total,omitempty"`       // bytes, 0 if not known
	RunID   string        `json:"run_id"`                // as in the report
}

// EventType is the type of an event. Its values are constants: safe for concurrent use.
type EventType string

// The types of events.
const (
	EventHold       EventType = "hold"
	EventPlan       EventType = "plan"
	EventAttempt    EventType = "attempt"
	EventAttemptEnd EventType = "attempt-end"
	EventStep       EventType = "step"
	EventStepEnd    EventType = "step-end"
	EventRetry      EventType = "retry"
	EventProgress   EventType = "progress"
	EventPower      EventType = "power"
	EventOutput     EventType = "output"
	EventCleanup    EventType = "cleanup"
	EventNote       EventType = "note"
	EventUnknown    EventType = "unknown"
	EventEnd        EventType = "end"
)
