package lab

import (
	"slices"

	"github.com/flashlua/flashlua/engine"
)

// exitOrder are the exit codes of stations, the worst first. Codes of signals are worse than all of these, and so is a
// code that is not listed.
var exitOrder = []engine.ExitCode{
	engine.ExitInternal, engine.ExitFatal, engine.ExitExhausted, engine.ExitDeadline, engine.ExitPlan,
	engine.ExitTempFail, engine.ExitOutput, engine.ExitVerified,
}

// Exit returns the exit code of many stations: 0 if all are verified, else the worst one. A station that was not
// started counts only if no other failed: its reason is then not the failure of another one.
func Exit(results []Result) engine.ExitCode {
	worst, skipped := engine.ExitVerified, engine.ExitVerified
	for _, r := range results {
		code := r.Report.Exit
		of := &worst
		if r.Report.Result == engine.ResultSkipped && code == engine.ExitPlan {
			of = &skipped
		}
		if badness(code) < badness(*of) {
			*of = code
		}
	}
	if worst == engine.ExitVerified {
		return skipped
	}
	return worst
}

// badness returns the rank of a code; less is worse.
func badness(code engine.ExitCode) int {
	if code > engine.ExitSignal {
		return -2
	}
	return slices.Index(exitOrder, code) // -1 if it is not listed
}
