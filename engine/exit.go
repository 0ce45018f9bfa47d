package engine

import (
	"errors"

	"github.com/flashlua/flashlua/classify"
)

// ExitCode is the exit code of a run. Its values are constants: safe for concurrent use.
type ExitCode int

// The exit codes. A run that a signal ended exits with ExitSignal plus the number of the signal.
const (
	ExitVerified  ExitCode = 0 // every image is verified on its medium; a dry run's plan can work
	ExitInternal  ExitCode = 1 // a bug in flashlua
	ExitPlan      ExitCode = 2 // nothing was touched: the command line, a script or the plan cannot work
	ExitFatal     ExitCode = 3 // another attempt cannot help, or the final power state could not be set
	ExitExhausted ExitCode = 4 // every attempt failed
	ExitDeadline  ExitCode = 5 // the total deadline passed
	ExitOutput    ExitCode = 6 // success, but the verdict, the events, the transcript or the reports could not be written
	// ExitTempFail means that nothing was touched, and that the same command may succeed later. It is EX_TEMPFAIL of
	// sysexits.h.
	ExitTempFail ExitCode = 75
	ExitSignal   ExitCode = 128
)

// outcome is what the exit code depends on.
type outcome struct {
	failed  bool
	rule    classify.Rule
	class   classify.Class
	signal  int  // number of the signal that ended the run; 0 is none
	late    bool // the total deadline passed, or left no time for another attempt
	touched bool // an attempt began
	passes  bool // the failure passes without a change of the command: classify.Temporary

	output bool // an output of a run that succeeded could not be written

	flash ExitCode // of the flash of a program whose error ended it; 0 is none
}

// newOutcome returns the outcome of a run that ended with err. d is the decision on it. noTime means that the
// total deadline left no time for another attempt.
func newOutcome(d classify.Decision, err error, touched, noTime bool) outcome {
	o := outcome{failed: err != nil, rule: d.Rule, class: d.Class, touched: touched, passes: classify.Temporary(err), late: noTime, flash: flashExit(err)}
	if d.Rule == classify.RuleRunCancelled && classify.Find(err, classify.DeadlineTotal) != nil {
		o.late = true
	}
	o.output = classify.Facts(err).Kind.Is(classify.OutputWrite)
	var cause *interruptCause
	if errors.As(err, &cause) {
		o.signal = cause.number
	}
	return o
}

// exitCode returns the exit code. The first row that applies decides.
func (o outcome) exitCode() ExitCode {
	switch {
	case !o.failed:
		return ExitVerified
	case o.rule == classify.RuleInternal:
		return ExitInternal
	case o.signal != 0:
		return ExitSignal + ExitCode(o.signal)
	case o.late:
		return ExitDeadline
	case o.output:
		return ExitOutput
	case !o.touched && o.passes && (o.flash == 0 || o.flash == ExitTempFail):
		return ExitTempFail
	case !o.touched:
		return ExitPlan
	case o.flash != 0 && o.flash != ExitPlan && o.flash != ExitTempFail: // which would say that the program touched nothing
		return o.flash
	case o.class == classify.Fatal:
		return ExitFatal
	}
	return ExitExhausted
}

// interruptCause is the cause of the end of a run that a signal interrupted.
type interruptCause struct {
	error
	number int
}

func (c *interruptCause) Unwrap() error { return c.error }

// InterruptedBy returns the cause with which to cancel the context of a run when a signal arrives: its name and
// number.
func InterruptedBy(name string, number int) error {
	return &interruptCause{classify.New(classify.RunInterrupted, "interrupted by %s", name), number}
}
