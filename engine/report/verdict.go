package report

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/visible"
)

// Outcome is what a report says of a run or of a flash. Its values are constants: safe for concurrent use.
type Outcome string

// The outcomes.
const (
	Succeeded Outcome = "success" // exit code 0, and what was to be on the medium is verified
	Planned   Outcome = "planned" // a dry run whose plan can work: no flash, so no success
	Skipped   Outcome = "skipped" // not started
	Refused   Outcome = "refused" // nothing was touched
	Bug       Outcome = "bug"     // in flashlua
	Failed    Outcome = "failed"
	Killed    Outcome = "killed" // there is no verdict
)

// outcomeOf returns the outcome of a verdict, nil if there is none. Only what is beyond doubt is a success.
func outcomeOf(v *engine.Report) Outcome {
	if v == nil {
		return Killed
	}
	verified := v.Result == engine.ResultVerified && v.Target.State == engine.Verified
	switch {
	case v.Result == engine.ResultSkipped:
		return Skipped
	case v.Exit == engine.ExitVerified && v.Result == engine.ResultPlanned:
		return Planned
	case v.Exit == engine.ExitVerified && (verified || v.Result == engine.ResultDone || v.Result == engine.ResultReached):
		return Succeeded
	case v.Exit == engine.ExitInternal:
		return Bug
	case v.Exit == engine.ExitPlan || v.Exit == engine.ExitTempFail:
		return Refused
	}
	return Failed
}

// parseVerdict reads a verdict. A verdict with a field of another type is damaged, and has the other fields, but not
// without an exit code: 0 is a success.
func parseVerdict(raw []byte) (v *engine.Report, damage error) {
	v = &engine.Report{}
	err := json.Unmarshal(raw, v)
	var badType *json.UnmarshalTypeError
	switch {
	case err != nil && !errors.As(err, &badType):
		return nil, err
	case v.Result == "":
		return nil, errors.New("it has no result")
	}
	var code struct{ Exit *int }
	if json.Unmarshal(raw, &code) != nil || code.Exit == nil {
		return nil, errors.New("it has no exit code")
	}
	return v, err
}

// kindOf returns the kind of a failure, also of one without a verdict.
func kindOf(v *engine.Report) string {
	switch {
	case v == nil:
		return "no-verdict"
	case v.Kind != "":
		return visible.Line(v.Kind)
	case v.Check != nil && v.Check.Kind != "":
		return visible.Line(v.Check.Kind)
	}
	return "unknown"
}

const (
	noVerdict     = "no verdict: the run was killed"
	noVerdictHint = "the board may still be on, and the medium may hold a part of the image; a run that goes on has no verdict yet"
)

// messageOf returns the failure in one line.
func messageOf(v *engine.Report) string {
	switch {
	case v == nil:
		return noVerdict
	case v.Error != "":
		return visible.Line(v.Error)
	case v.Result == engine.ResultPlanned:
		return "planned by a dry run: nothing was written"
	case v.Result == engine.ResultVerified && v.Exit == engine.ExitVerified:
		return "the verdict says verified, and the state of its target is " + visible.Line(string(v.Target.State))
	}
	return "the result is " + visible.Line(string(v.Result))
}

func hintOf(v *engine.Report) string {
	if v == nil {
		return noVerdictHint
	}
	return visible.Text(v.Hint)
}

// describeFailure returns a failure as text: its chain, its hint, earlier attempts and the last console lines.
func describeFailure(v *engine.Report) string {
	var b strings.Builder
	line := func(prefix, text string) {
		if text != "" {
			b.WriteString(prefix + text + "\n")
		}
	}
	line("Error: ", messageOf(v))
	if v == nil {
		line("Hint: ", noVerdictHint)
		return b.String()
	}
	for _, cause := range causes(v) {
		line("Caused by: ", cause)
	}
	line("Hint: ", hintOf(v))
	line("Kind: ", kindOf(v))
	line("Step: ", visible.Line(v.Step))
	line("Target: ", visible.Line(string(v.Target.State)))
	line("No further attempt: ", visible.Line(v.StopReason))
	for _, text := range inlines(v.Secondary) {
		line("Also: ", text)
	}
	for _, text := range inlines(v.Warnings) {
		line("Warning: ", text)
	}
	for _, text := range earlierAttempts(v) {
		line("", text)
	}
	if len(v.Console) > 0 {
		line("", "\nThe last lines of the console:")
		for _, text := range lastLines(v) {
			line("  ", text)
		}
	}
	return b.String()
}

// causes returns the causes of the failure, the outermost first.
func causes(v *engine.Report) []string {
	if len(v.Chain) < 2 {
		return nil
	}
	return inlines(v.Chain[1:])
}

// earlierAttempts describes the attempts before the last one.
func earlierAttempts(v *engine.Report) []string {
	var all []string
	for i, a := range v.Attempts {
		if a != nil && a.Error != "" && (i < len(v.Attempts)-1 || v.Error == "") {
			all = append(all, attemptText(a))
		}
	}
	return all
}

// maxConsole is how many of the last lines of the console a text has.
const maxConsole = 50

// lastLines returns the last lines of the console.
func lastLines(v *engine.Report) []string {
	return inlines(v.Console[max(0, len(v.Console)-maxConsole):])
}
