package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/transport"
)

// planAll checks the plans of all flashes, and opens their images. If a plan cannot work, every flash is recorded: as
// refused, or as skipped because another one was refused. The error is that of the first refused flash; those of the
// others are secondary.
func (p *Program) planAll(ctx context.Context, all []Flash, shared *SharedImages) error {
	failed := p.run.PlanAll(ctx, all, shared)
	var errs []error
	for i, f := range all {
		if failed[i] != nil {
			errs = append(errs, classify.Wrap(failed[i], "", "%s, %s", f.name(i), f.Run.describe()))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	for i, f := range all {
		if failed[i] != nil {
			p.RecordRefusal(f.Run, f.Job, failed[i])
			continue
		}
		rep := skippedReport(f, "the plan of another entry cannot work")
		p.refuse(f.Run, flashResult{port: f.Job.Port, target: f.Job.Target, err: rep.Err}, rep)
	}
	exit := ExitPlan
	if classify.Temporary(errors.Join(errs...)) {
		exit = ExitTempFail
	}
	return (&Report{Exit: exit, Err: classify.WithSecondary(errs[0], errs[1:]...)}).FlashError()
}

// describe names the board and its port for people.
func (x *ProgramRun) describe() string {
	board := cmp.Or(x.name.board, "a board")
	if x.name.port == "" {
		return board
	}
	return fmt.Sprintf("%s at %s", board, x.name.port)
}

// checkPlan checks one flash as a dry run does, but for the content of its images. It also asks the power driver
// whether it can work.
func (e Engine) checkPlan(ctx context.Context, f Flash) error {
	if err := e.grants.canFlash(f.Policy, f.Job); err != nil {
		return err
	}
	r, done, err := e.newDryRun(f.Policy, f.Job)
	defer done()
	if err != nil {
		return err
	}
	steps := r.planSteps(r.staging.checkExist)
	if !IsSimulated(f.Job.Port) {
		steps = append(steps, r.checkPortSpec, r.power.check, r.outputs.check)
	}
	return inOrder(ctx, steps)
}

// checkApart returns an error for each flash that would use a console or a driver of an earlier one. Every simulated
// board is a board of its own, unless its media are files that another one has.
func checkApart(ctx context.Context, all []Flash) []error {
	failed := make([]error, len(all))
	taken := connections{map[string]int{}, map[string]int{}}
	for i, f := range all {
		if f.Err == nil {
			failed[i] = taken.take(ctx, i, all)
		}
	}
	return failed
}

// connections are the consoles and the drivers that flashes use, each with the index of the first flash that does.
type connections struct{ consoles, drivers map[string]int }

// take adds those of a flash. It returns an error if an earlier flash has one of them.
func (c connections) take(ctx context.Context, i int, all []Flash) error {
	j := all[i].Job
	for _, port := range append([]string{j.Port}, slices.Sorted(maps.Values(j.Consoles))...) {
		id, err := consoleIdentity(ctx, port)
		if err != nil {
			return err
		}
		if id == "" {
			continue
		}
		if first, ok := c.consoles[id]; ok && first != i {
			return classify.WithHint(classify.New(classify.Usage, "it has the same console port as %s", all[first].name(first)),
				"name another port; to flash one board again, do it after all of these")
		}
		c.consoles[id] = i
	}
	for _, driver := range append([]string{j.Power}, slices.Sorted(maps.Values(j.Outputs))...) {
		if driver == "" || driver == "none" || driver == j.Power && IsSimulated(j.Port) {
			continue
		}
		if first, ok := c.drivers[driver]; ok && first != i {
			return classify.WithHint(classify.New(classify.Usage, "it has the same driver, of its power or of an output, as %s: switching one board would switch the other", all[first].name(first)),
				"name the outlet or the line of the board in the driver of its power and of each output")
		}
		c.drivers[driver] = i
	}
	return nil
}

// consoleIdentity returns a text that all names of one console have in common, "" for a simulated board that no
// other run can use.
func consoleIdentity(ctx context.Context, port string) (string, error) {
	settings, simulated := transport.Simulated(port)
	if !simulated {
		return transport.Identity(ctx, port)
	}
	for _, setting := range strings.Split(settings, ",") {
		if dir, ok := strings.CutPrefix(setting, "dir="); ok {
			return transport.SimulatedScheme + realPath(dir), nil
		}
	}
	return "", nil
}
