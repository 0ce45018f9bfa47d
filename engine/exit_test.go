package engine

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

// TestExitCode holds the exit code of every kind of outcome, and that these are the codes in the table of
// docs/cli.md.
func TestExitCode(t *testing.T) {
	retry := outcome{failed: true, rule: classify.RuleRetry, class: classify.Retry}
	fatal := outcome{failed: true, rule: classify.RuleFatal, class: classify.Fatal}
	touched := func(o outcome) outcome { o.touched = true; return o }
	late := func(o outcome) outcome { o.late = true; return o }
	flash := func(o outcome, exit ExitCode) outcome { o.flash = exit; return o }
	by := func(signal int) outcome {
		return outcome{failed: true, rule: classify.RuleRunCancelled, class: classify.Fatal, signal: signal, touched: true}
	}
	passes := func(o outcome) outcome { o.passes = true; return o }
	bug := outcome{failed: true, rule: classify.RuleInternal, class: classify.Fatal}
	var codes []string
	for _, tt := range []struct {
		name string
		outcome
		want ExitCode
	}{
		{"verified", outcome{touched: true}, 0},
		{"planned", outcome{}, 0},
		{"a bug", touched(bug), 1},
		{"a bug before the board was touched", bug, 1},
		{"a bug is reported before a signal", outcome{failed: true, rule: classify.RuleInternal, signal: 2, touched: true}, 1},
		{"a plan that cannot work", fatal, 2},
		{"a retryable error before the board was touched", retry, 2},
		{"a failure that passes, before the board was touched", passes(retry), 75},
		{"a failure that passes, of a fatal class, before the board was touched", passes(fatal), 75},
		{"a failure that passes, in an attempt", touched(passes(retry)), 4},
		{"a signal during a failure that passes", passes(by(15)), 143},
		{"the total deadline during a failure that passes", passes(late(fatal)), 5},
		{"a flash of a program that touched nothing, with a failure that passes", passes(flash(fatal, 75)), 75},
		{"flashes of a program, of which one cannot work", passes(flash(fatal, 2)), 2},
		{"a flash with a failure that passes, of a program that touched something before", touched(passes(flash(fatal, 75))), 3},
		{"an output that could not be written", outcome{failed: true, rule: classify.RuleFatal, class: classify.Fatal, output: true}, 6},
		{"a fatal error", touched(fatal), 3},
		{"a cancelled context", touched(outcome{failed: true, rule: classify.RuleRunCancelled, class: classify.Fatal}), 3},
		{"the last attempt failed", touched(retry), 4},
		{"an error that no rule knows", touched(outcome{failed: true, rule: classify.RuleUnknown, class: classify.Retry}), 4},
		{"the total deadline", touched(late(fatal)), 5},
		{"no time for another attempt", touched(late(retry)), 5},
		{"the total deadline before the board was touched", late(fatal), 5},
		{"a flash of a program whose attempts all failed", touched(flash(fatal, 4)), 4},
		{"a flash of a program that had no time left", touched(flash(fatal, 5)), 5},
		{"a refused flash of a program that touched nothing", flash(fatal, 2), 2},
		{"a refused flash of a program that touched something before", touched(flash(fatal, 2)), 3},
		{"the total deadline of a program ends a flash", touched(late(flash(fatal, 3))), 5},
		{"a signal ends a flash of a program", flash(by(2), 130), 130},
		{"SIGHUP", by(1), 129},
		{"SIGINT", by(2), 130},
		{"SIGQUIT", by(3), 131},
		{"SIGTERM", by(15), 143},
		{"a signal before the board was touched", outcome{failed: true, rule: classify.RuleRunCancelled, signal: 15}, 143},
		{"a signal is reported before the deadline", late(by(2)), 130},
	} {
		if got := tt.exitCode(); got != tt.want {
			t.Errorf("exitCode of %s = %d; want %d", tt.name, got, tt.want)
		}
		codes = append(codes, strconv.Itoa(int(tt.want)))
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	doc, err := os.ReadFile("../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "| exit |")
	table, _, _ = strings.Cut(table, "\n\n")
	var documented []string
	for _, row := range regexp.MustCompile(`(?m)^\| ([0-9, ]+) \|`).FindAllStringSubmatch(table, -1) {
		documented = append(documented, strings.Split(row[1], ", ")...)
	}
	slices.Sort(documented)
	if !slices.Equal(codes, documented) {
		t.Errorf("the exit codes are %q; docs/cli.md has %q", codes, documented)
	}
}

// TestFlashExit holds that only the error of a flash itself has the exit code of the flash, not what a script made
// of it.
func TestFlashExit(t *testing.T) {
	failed := (&Report{Exit: ExitExhausted, Err: classify.New(classify.NetDHCPTimeout, "no lease")}).FlashError()
	refused := (&Report{Exit: ExitPlan, Err: classify.New(classify.Usage, "no board")}).FlashError()
	for _, tt := range []struct {
		name string
		err  error
		want ExitCode
	}{
		{"no error", nil, 0},
		{"another error", classify.New(classify.Usage, "x"), 0},
		{"the error", failed, 4},
		{"with a step and an attempt", classify.WithAttempt(classify.WithStep(failed, "rack"), 1), 4},
		{"with others", classify.WithSecondary(failed, refused), 4},
		{"joined: the first", errors.Join(refused, failed), 2},
		{"the cause of a script's own", &classify.Error{Msg: "the rack failed", Cause: failed}, 0},
		{"secondary", classify.WithSecondary(classify.New(classify.Usage, "x"), failed), 0},
	} {
		if got := flashExit(tt.err); got != tt.want {
			t.Errorf("flashExit of %s = %d; want %d", tt.name, got, tt.want)
		}
	}
}
