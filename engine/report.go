package engine

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/web"
)

// Result is how a run ended. Its values are constants: safe for concurrent use.
type Result string

// The results.
const (
	ResultVerified Result = "verified" // every image is proven to be on its medium
	ResultFailed   Result = "failed"
	ResultPlanned  Result = "planned" // by a dry run: the plan can work
	ResultReached  Result = "reached" // by Interactive: the board reached the state, and its use ended well
	ResultDone     Result = "done"    // by a program: it ended well
	ResultSkipped  Result = "skipped" // of a flash of a program that was not started
)

// success returns the result of a run of this mode that ended well.
func (m Mode) success() Result {
	switch m {
	case ModeDryRun:
		return ResultPlanned
	case ModeConsole:
		return ResultReached
	case ModeProgram:
		return ResultDone
	}
	return ResultVerified
}

// Report is the result of a run. Its JSON form is the verdict.
// Plain data: safe for concurrent use once the run has returned it.
type Report struct {
	Result     Result     `json:"result"`
	Mode       Mode       `json:"mode"`
	Exit       ExitCode   `json:"exit"`
	Retry      bool       `json:"retry,omitempty"` // nothing was touched, and the same command may succeed later
	Class      string     `json:"class,omitempty"` // retry or fatal
	Rule       string     `json:"rule,omitempty"`  // that decided on the class
	Kind       string     `json:"kind,omitempty"`
	Error      string     `json:"error,omitempty"`
	Chain      []string   `json:"chain,omitempty"` // outermost first
	Hint       string     `json:"hint,omitempty"`
	StopReason string     `json:"stopped,omitempty"` // why there was no further attempt, if not by class or count
	Step       string     `json:"step,omitempty"`
	Attempt    int        `json:"attempt"`             // the last one, 0 if none began; at most 1 of a program or of Write
	Attempts   []*Attempt `json:"attempts"`            // empty for a program and for Write
	Secondary  []string   `json:"secondary,omitempty"` // other errors
	Console    []string   `json:"console,omitempty"`   // the last lines
	Detail     string     `json:"detail,omitempty"`
	Warnings   []string   `json:"warnings,omitempty"` // what may be wrong, although the run goes on
	Schema     int        `json:"schema"`             // SchemaVersion
	RunID      string     `json:"run_id"`             // random; events and transcript have it, and the flashes of a program
	Version    string     `json:"version"`            // of flashlua
	Commit     string     `json:"commit,omitempty"`   // of the source of flashlua
	Host       string     `json:"host,omitempty"`     // that ran flashlua
	Started    string     `json:"started,omitempty"`  // RFC 3339, after the wait for the station
	Ended      string     `json:"ended,omitempty"`    // RFC 3339
	Run        int        `json:"run,omitempty"`      // number of a flash in its program, from 1
	Board      string     `json:"board"`
	Args       Arguments  `json:"args,omitempty"`    // values of the policy's arguments, secrets masked
	Variant    string     `json:"variant,omitempty"` // of the board
	Station    string     `json:"station,omitempty"` // of the lab
	Place      string     `json:"place,omitempty"`   // of a coordinator, which has the console and the power
	Port       string     `json:"port,omitempty"`    // console of the board
	Power      string     `json:"power,omitempty"`   // power driver
	Script     Script     `json:"script,omitzero"`   // policy or program
	Argv       []string   `json:"argv,omitempty"`    // arguments of a program
	// PolicySHA256 is Policy.SHA256. It is equal for equal policies.
	PolicySHA256 string        `json:"policy_sha256,omitempty"`
	Image        ImageReport   `json:"image"`
	Target       TargetReport  `json:"target"`
	Parts        []PartReport  `json:"parts,omitempty"`     // Image and Target are those of the first; Target.State is of all
	Check        *CheckReport  `json:"check,omitempty"`     // nil if the policy has none
	Duration     time.Duration `json:"duration_ns"`         // without the wait for the station
	Waited       time.Duration `json:"waited_ns,omitempty"` // for the station
	Simulated    bool          `json:"simulated"`
	Lost         []Loss        `json:"lost,omitempty"`     // output that was not read in time
	Runs         []*Report     `json:"runs,omitempty"`     // the flashes of a program, the last maxRuns of them
	Returned     any           `json:"returned,omitempty"` // what a program returned, as encoding/json decodes it

	Err error `json:"-"` // nil after success
}

// Loss is output that was dropped because it was not read in time. Plain data: safe for concurrent use while
// nothing changes it.
type Loss struct {
	Output string `json:"output"`          // events, transcript, messages, or subscriber: Engine.Events
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
}

// ImageReport is an image that was to be written. Plain data: safe for concurrent use while nothing changes it.
type ImageReport struct {
	Path   string `json:"path"`
	Size   int64  `json:"size,omitempty"` // bytes
	SHA256 string `json:"sha256,omitempty"`
}

// TargetReport is the target of an image, and the state of its medium at the end.
// Plain data: safe for concurrent use while nothing changes it.
type TargetReport struct {
	Name   string `json:"name,omitempty"`
	Device string `json:"device,omitempty"`
	Offset int64  `json:"offset,omitempty"` // of the image in the device or the partition, in bytes
	State  State  `json:"state"`
	// LastWrite is when the run last wrote to the disk, to any partition of it. ReadBack is when the read-back
	// that proves the medium began, which is later. RFC 3339; "" is never.
	LastWrite string `json:"last_write,omitempty"`
	ReadBack  string `json:"read_back,omitempty"`
	// Writer is what wrote the medium last: shell, uboot, station, or script for anything else.
	Writer string `json:"writer,omitempty"`
	// Digest is how what was read back was compared: sha256, sha1, md5, crc32 of each part, or bytes.
	Digest string `json:"digest,omitempty"`
	// Rewritten is how many ranges read back wrong and were written again.
	Rewritten int `json:"rewritten,omitempty"`
}

// PartReport is one partition of a run that writes several. Plain data: safe for concurrent use while nothing
// changes it.
type PartReport struct {
	Label  string       `json:"label"`
	Image  ImageReport  `json:"image"`
	Target TargetReport `json:"target"`
}

// addAttempt adds an attempt that ended with the decision d, the zero decision after success.
func (r *Report) addAttempt(n int, took time.Duration, d classify.Decision) *Attempt {
	a := &Attempt{Number: n, Duration: took}
	if d.Err != nil {
		f := classify.Facts(d.Err)
		a.Error, a.Kind, a.Class, a.Rule, a.Step = d.Err.Error(), string(f.Kind), d.Class.String(), string(d.Rule), f.Step
	}
	r.Attempts = append(r.Attempts, a)
	return a
}

// setMedia adds the media.
func (r *Report) setMedia(l *ledger) {
	first := true
	l.each(func(m *medium) {
		p := m.reportLocked()
		if first {
			r.Image, r.Target = p.Image, p.Target
		}
		if first = false; m.label != "" || len(l.media) > 1 {
			r.Parts = append(r.Parts, p)
		}
	})
	r.Target.State = l.state()
	r.Warnings = l.allWarnings()
}

// complete adds the result, the exit code and the errors, without secrets. d is the decision on the run's error,
// the zero decision after success.
func (r *Report) complete(d classify.Decision, powerError error, secondary []error, secrets *console.Secrets) {
	if r.Attempts == nil {
		r.Attempts = []*Attempt{}
	}
	r.Result = ResultFailed
	err := classify.WithSecondary(d.Err, powerError)
	if d.Err == nil {
		r.Result = r.Mode.success()
		if err = classify.MarkFatal(powerError); err != nil {
			d = classify.Decision{Class: classify.Fatal, Rule: classify.RuleFatal}
		}
	}
	r.Exit = newOutcome(d, err, r.Attempt > 0, r.StopReason != "").exitCode()
	r.Retry = r.Exit == ExitTempFail
	r.setError(d, classify.WithSecondary(err, secondary...))
	r.mask(secrets)
	r.clip()
}

// setError adds an error, nil after success.
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

// masked returns text without the secrets, and without the passwords of web addresses.
func masked(secrets *console.Secrets, text string) string { return web.Redact(secrets.Mask(text)) }

// mask hides the secrets in all texts, which may come from a script, the board or the command line.
func (r *Report) mask(secrets *console.Secrets) {
	for _, text := range []*string{&r.Error, &r.Hint, &r.Detail, &r.StopReason, &r.Step, &r.Port, &r.Power, &r.Place} {
		*text = masked(secrets, *text)
	}
	for _, list := range [][]string{r.Chain, r.Secondary, r.Console, r.Warnings, r.Argv} {
		for i := range list {
			list[i] = masked(secrets, list[i])
		}
	}
	r.Check.mask(secrets)
	r.Returned = maskedValue(secrets, r.Returned)
	for _, a := range r.Attempts {
		a.Error, a.Step = masked(secrets, a.Error), masked(secrets, a.Step)
	}
}

// RefusedReport returns the report of a run that could not begin because of err.
func RefusedReport(err error) *Report {
	r := &Report{Target: TargetReport{State: Untouched}}
	r.identify(NewRunID())
	r.complete((&classify.Classifier{}).Decide(nil, err), nil, nil, nil)
	return r
}

// MarshalIndent returns the verdict: indented JSON, and a newline.
func (r *Report) MarshalIndent() ([]byte, error) {
	raw, err := json.MarshalIndent(r, "", "  ")
	return append(raw, '\n'), err
}
