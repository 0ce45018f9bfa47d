// Package results keeps one line of each run in a folder, and summarises them by station and board. It owns the
// format of the lines, of the summary as text for machines and people, and of the metrics. It does not know how a
// run works, and opens no network port. It is not meant for embedders.
package results

import (
	"encoding/json"
	"strings"
	"time"
)

// Record is one run. Its JSON form, with a newline, is a line of a results folder. New fields may be added.
// Plain data: safe for concurrent use while nothing changes it.
type Record struct {
	Time      time.Time                `json:"time"`              // when the run ended
	Host      string                   `json:"host,omitempty"`    // the machine that ran flashlua
	RunID     string                   `json:"run_id,omitempty"`  // as in the verdict
	Station   string                   `json:"station,omitempty"` // of the inventory; "" if the run named none
	Board     string                   `json:"board"`             // policy or program
	Variant   string                   `json:"variant,omitempty"` // of the board
	Port      string                   `json:"port,omitempty"`    // console, without secrets
	Program   string                   `json:"program,omitempty"` // that flashed the board; "" if none did
	Mode      string                   `json:"mode"`              // as in the verdict
	Result    string                   `json:"result"`            // as in the verdict
	Exit      int                      `json:"exit"`              // exit code
	Kind      string                   `json:"kind,omitempty"`    // of the failure
	Step      string                   `json:"step,omitempty"`    // that failed
	Attempts  int                      `json:"attempts"`          // that began
	Failures  []Failure                `json:"failures,omitempty"`
	Duration  time.Duration            `json:"duration_ns"`
	Steps     map[string]time.Duration `json:"steps_ns,omitempty"` // the last success of each step
	SHA256    string                   `json:"sha256,omitempty"`   // of the decompressed image
	Bytes     int64                    `json:"bytes,omitempty"`    // of the decompressed image
	State     string                   `json:"state,omitempty"`    // of the target, as in the verdict
	Simulated bool                     `json:"simulated,omitempty"`
}

// Failure is a step or an attempt that failed, although a later one may have succeeded. Plain data: safe for
// concurrent use while nothing changes it.
type Failure struct {
	Attempt int    `json:"attempt,omitempty"` // from 1
	Step    string `json:"step,omitempty"`
	Kind    string `json:"kind,omitempty"`
}

// MaxFailures is how many failures and steps a record has at most.
const MaxFailures = 50

// Succeeded reports whether the run did what it should.
func (r Record) Succeeded() bool {
	switch r.Result {
	case "verified", "done", "reached":
		return r.Exit == 0
	}
	return false
}

// Touched reports whether the run touched a board: others were refused, or not started.
func (r Record) Touched() bool {
	return r.Exit != exitNothing && r.Exit != exitRetry && r.Result != "skipped"
}

// Interrupted reports whether a signal ended the run.
func (r Record) Interrupted() bool { return r.Exit > exitSignal }

// Exit codes of docs/cli.md.
const (
	exitNothing = 2   // nothing was touched
	exitRetry   = 75  // nothing was touched; a later try may work
	exitSignal  = 128 // and the number of the signal
)

// line returns the record as a line.
func (r Record) line() ([]byte, error) {
	raw, err := json.Marshal(r)
	return append(raw, '\n'), err
}

// parse returns the record in a line.
func parse(line []byte) (r Record, ok bool) {
	ok = json.Unmarshal(line, &r) == nil && !r.Time.IsZero() && r.Result != "" && strings.TrimSpace(r.Board) != ""
	return r, ok
}

// SetStep records that a step succeeded after d. A record keeps at most MaxFailures steps.
func (r *Record) SetStep(name string, d time.Duration) {
	if r.Steps == nil {
		r.Steps = map[string]time.Duration{}
	}
	name = clipped(name)
	if _, known := r.Steps[name]; known || len(r.Steps) < MaxFailures {
		r.Steps[name] = d
	}
}

// AddFailure records a failure. A record keeps the first MaxFailures of them.
func (r *Record) AddFailure(f Failure) {
	if len(r.Failures) < MaxFailures {
		f.Step, f.Kind = clipped(f.Step), clipped(f.Kind)
		r.Failures = append(r.Failures, f)
	}
}

// clipped returns at most the first 100 bytes of a name, which a script may have chosen.
func clipped(name string) string {
	return strings.ToValidUTF8(name[:min(len(name), 100)], "")
}
