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
// started because others failed does not count, because the failures do.
func Exit(results []Result) engine.ExitCode {
	worst := engine.ExitVerified
	for _, r := range results {
		code := r.Report.Exit
		if r.Report.Result == engine.ResultSkipped && code == engine.ExitPlan {
			continue
		}
		if badness(code) < badness(worst) {
			worst = code
		}
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
