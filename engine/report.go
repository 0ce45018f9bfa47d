package engine

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/web"
)

// Exit codes of a run.
const (
	ExitVerified  = 0   // every planned image is verified on the medium; a dry run's plan can work
	ExitInternal  = 1   // a bug in flashlua
	ExitPlan      = 2   // nothing was touched: usage, configuration, a script that cannot load, a plan that cannot work
	ExitFatal     = 3   // a failure that another attempt cannot mend, or the final power state could not be set
	ExitExhausted = 4   // every attempt failed
	ExitDeadline  = 5   // the total deadline
	ExitSignal    = 128 // plus the number of the signal
)

// ResultPlanned is the result of a dry run whose plan can work.
const ResultPlanned = "planned"

// Report says what came of a run. Its JSON form is the verdict.
// Plain data: safe for concurrent use once the run has returned it.
type Report struct {
	Result     string        `json:"result"` // verified, failed, or planned by a dry run
	Mode       string        `json:"mode"`   // flash, verify, dry-run, program or write
	Exit       int           `json:"exit"`
	Class      string        `json:"class,omitempty"` // retry or fatal
	Rule       string        `json:"rule,omitempty"`  // that decided on the class
	Kind       string        `json:"kind,omitempty"`
	Error      string        `json:"error,omitempty"`
	Chain      []string      `json:"chain,omitempty"` // outermost first
	Hint       string        `json:"hint,omitempty"`
	StopReason string        `json:"stopped,omitempty"` // why no further attempt was made, if not by class or count
	Step       string        `json:"step,omitempty"`
	Attempt    int           `json:"attempt"` // the last one, 0 if none was made
	Attempts   []*Attempt    `json:"attempts"`
	Secondary  []string      `json:"secondary,omitempty"` // what failed beside it
	Console    []string      `json:"console,omitempty"`   // the last lines
	Detail     string        `json:"detail,omitempty"`
	Board      string        `json:"board"`
	Image      ImageReport   `json:"image"`
	Target     TargetReport  `json:"target"`
	Parts      []PartReport  `json:"parts,omitempty"` // of the job, each for itself; image and target are then the first, state is of all
	Duration   time.Duration `json:"duration_ns"`
	Simulated  bool          `json:"simulated"`
	Lost       []Loss        `json:"lost,omitempty"` // output that was not taken in time

	Err        error `json:"-"` // nil after success
	powerError error
	secondary  []error
}

// Loss is output that its reader did not take in time, so that the run went on without it. Plain data: safe for concurrent use
// while nothing changes it.
type Loss struct {
	Output string `json:"output"`          // events, transcript, messages, or subscriber of an embedding program
	Lines  int64  `json:"lines"`           // or events
	Bytes  int64  `json:"bytes,omitempty"` // of the lines
}

// Attempt is one attempt of a run. Its error is empty after success.
// Plain data: safe for concurrent use while nothing changes it.
type Attempt struct {
	Number   int           `json:"attempt"`
	Error    string        `json:"error,omitempty"`
	Kind     string        `json:"kind,omitempty"`
	Class    string        `json:"class,omitempty"`
	Rule     string        `json:"rule,omitempty"`
	Step     string        `json:"step,omitempty"`
	Duration time.Duration `json:"duration_ns"`
	Wait     string        `json:"wait,omitempty"` // before the next attempt

	err error
}

// ImageReport is what was to be written. Plain data: safe for concurrent use while nothing changes it.
type ImageReport struct {
	Path   string `json:"path"`
	Size   int64  `json:"size,omitempty"` // bytes
	SHA256 string `json:"sha256,omitempty"`
}

// TargetReport is where it was to go, and how the medium was left.
// Plain data: safe for concurrent use while nothing changes it.
type TargetReport struct {
	Name   string `json:"name,omitempty"`
	Device string `json:"device,omitempty"`
	State  string `json:"state"` // untouched, partial, written, verified, unknown
	// LastWrite is when the disk was last written to by this run, through any of its parts, and ReadBack when the read-back
	// began that proves the medium, which is later. RFC 3339; "" is never.
	LastWrite string `json:"last_write,omitempty"`
	ReadBack  string `json:"read_back,omitempty"`
	// Rewritten is how many ranges read back wrong at first, and were written again.
	Rewritten int `json:"rewritten,omitempty"`
}

// PartReport is one partition of a run that wrote several. Plain data: safe for concurrent use while nothing changes it.
type PartReport struct {
	Label  string       `json:"label"`
	Image  ImageReport  `json:"image"`
	Target TargetReport `json:"target"`
}

// addAttempt records an attempt.
func (r *Report) addAttempt(n int, took time.Duration, d classify.Decision) *Attempt {
	a := &Attempt{Number: n, Duration: took}
	if d.Err != nil {
		f := classify.Facts(d.Err)
		a.err, a.Error, a.Kind, a.Class, a.Rule, a.Step = d.Err, d.Err.Error(), string(f.Kind), d.Class.String(), string(d.Rule), f.Step
	}
	r.Attempts = append(r.Attempts, a)
	return a
}

func (r *Report) lastError() error {
	if len(r.Attempts) == 0 {
		return nil
	}
	return r.Attempts[len(r.Attempts)-1].err
}

// finish fills the report from what the run knows.
func (r *run) finish(d classify.Decision) *Report {
	rep := &r.report
	rep.Result, rep.Attempt, rep.Duration = "failed", int(r.attemptNumber.Load()), r.Clock.Now().Sub(r.started)
	rep.Mode, rep.Board, rep.Image.Path, rep.Simulated = r.mode, r.policy.Name, web.Mask(r.job.Image), rep.Simulated || r.Simulated
	rep.setMedia(r)
	if rep.Attempts == nil {
		rep.Attempts = []*Attempt{}
	}
	err := d.Err
	if err == nil {
		rep.Result = r.successResult()
		err = classify.MarkFatal(rep.powerError)
		if err != nil {
			d.Class, d.Rule = classify.Fatal, classify.RuleNonRetryable
		}
	} else {
		err = classify.WithSecondary(err, rep.powerError)
	}
	rep.Exit = exitCode(d, rep, r.touched, err)
	rep.setError(d, classify.WithSecondary(err, rep.secondary...))
	rep.mask(r.secrets)
	rep.clip()
	r.emit(Event{Type: EventEnd, Text: rep.Result, Error: rep.Error, Kind: rep.Kind, Rule: rep.Rule})
	r.endEvents(rep)
	return rep
}

// endEvents waits a moment for the subscriber, and reports what it did not take.
func (r *run) endEvents(rep *Report) {
	if r.sub == nil {
		return
	}
	lost, failed := r.sub.close(r.Hurry)
	if failed != nil {
		rep.Secondary = append(rep.Secondary, failed.Error())
	}
	if lost > 0 {
		rep.Lost = append(rep.Lost, Loss{Output: "subscriber", Lines: lost})
	}
}

// successResult is the result of a run of this mode that ended well.
func (r *run) successResult() string {
	switch r.mode {
	case ModeDryRun:
		return ResultPlanned
	case ModeProgram:
		return ResultDone
	}
	return Verified
}

// setMedia records what became of the media.
func (r *Report) setMedia(run *run) {
	first := true
	run.ledger.each(func(m *medium) {
		p := m.report()
		if first {
			r.Image, r.Target = p.Image, p.Target
		}
		if first = false; m.source.Label != "" {
			r.Parts = append(r.Parts, p)
		}
	})
	r.Target.State = run.ledger.state()
}

// report is what became of a medium. The caller holds the ledger's lock.
func (m *medium) report() PartReport {
	p := PartReport{Label: m.source.Label, Image: ImageReport{Path: web.Mask(m.source.Image)}, Target: TargetReport{
		Name: m.target.Name, Device: m.device, State: m.state, Rewritten: m.rewritten, LastWrite: timeOf(m.lastWriteAt),
	}}
	if m.image != nil {
		p.Image.Size, p.Image.SHA256 = m.image.Size(), m.image.SHA256()
	}
	if m.proven() {
		p.Target.ReadBack = timeOf(m.readAt)
	}
	return p
}

// setError puts an error into the report.
func (r *Report) setError(d classify.Decision, err error) {
	if r.Err = err; err == nil {
		return
	}
	f := classify.Facts(err)
	r.Class, r.Rule, r.Kind = d.Class.String(), string(d.Rule), string(f.Kind)
	r.Error, r.Chain, r.Hint, r.Step, r.Detail = err.Error(), classify.Messages(err), f.Hint, f.Step, f.Detail
	if f.Console != "" {
		r.Console = strings.Split(f.Console, "\n")
	}
	for _, s := range append(classify.Siblings(err), f.Secondary...) {
		r.Secondary = append(r.Secondary, s.Error())
	}
}

// masked returns text without secrets, and without the passwords of addresses in it.
func masked(hide *console.Secrets, text string) string { return web.Redact(hide.Mask(text)) }

// mask hides secrets that a script, the board or a command line put into an error.
func (r *Report) mask(hide *console.Secrets) {
	for _, text := range []*string{&r.Error, &r.Hint, &r.Detail, &r.StopReason, &r.Step} {
		*text = masked(hide, *text)
	}
	for _, list := range [][]string{r.Chain, r.Secondary, r.Console} {
		for i := range list {
			list[i] = masked(hide, list[i])
		}
	}
	for _, a := range r.Attempts {
		a.Error, a.Step = masked(hide, a.Error), masked(hide, a.Step)
	}
}

// RefusedReport is the report of a run that could not even be planned.
func RefusedReport(err error) *Report {
	r := &Report{Result: "failed", Attempts: []*Attempt{}, Target: TargetReport{State: Untouched}}
	d := (&classify.Classifier{}).Decide(nil, err)
	r.Exit = exitCode(d, r, false, d.Err)
	r.setError(d, d.Err)
	r.mask(nil)
	r.clip()
	return r
}

// exitCode gives the exit code: where the run ended says more than why.
func exitCode(d classify.Decision, r *Report, began bool, err error) int {
	var sig *interruptCause
	switch {
	case err == nil:
		return ExitVerified
	case d.Rule == classify.RuleInternal:
		return ExitInternal
	case errors.As(err, &sig):
		return ExitSignal + sig.number
	case d.Rule == classify.RuleRunCancelled && classify.Find(err, classify.DeadlineTotal) != nil, r.StopReason != "":
		return ExitDeadline
	case !began:
		return ExitPlan
	case d.Class == classify.Fatal:
		return ExitFatal
	}
	return ExitExhausted
}

// interruptCause is the cause of a run that a signal ended.
type interruptCause struct {
	error
	number int
}

func (s *interruptCause) Unwrap() error { return s.error }

// InterruptedBy gives the cause to cancel a run's context with when a signal arrived.
func InterruptedBy(name string, number int) error {
	return &interruptCause{classify.New(classify.RunInterrupted, "interrupted by %s", name), number}
}

// MarshalIndent is the verdict, readable.
func (r *Report) MarshalIndent() ([]byte, error) {
	raw, err := json.MarshalIndent(r, "", "  ")
	return append(raw, '\n'), err
}
