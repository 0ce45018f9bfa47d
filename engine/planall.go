package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Flash is one flash of several. Policy and Job belong to it: the policy's functions are called while those of
// other flashes are, too. Plain data: safe for concurrent use while nothing changes it.
type Flash struct {
	Name   string      // in messages; "" is its place in the list: entry 1
	Run    *ProgramRun // of Program.FlashAll; nil outside of a program
	Policy *Policy
	Job    Job
	Err    error // why there is no policy or job; nil if there is
}

// name returns how messages name the flash with the index i.
func (f Flash) name(i int) string { return cmp.Or(f.Name, fmt.Sprintf("entry %d", i+1)) }

// PlanAll checks all that can be checked of several flashes before a board is touched: their plans, that no two have
// the same console or power driver, and their images, which it adds to shared. It returns an error for each flash
// whose plan cannot work, at its index, and nil for the others. Images are opened if all other checks succeed, until
// one of them fails.
func (e Engine) PlanAll(ctx context.Context, all []Flash, shared *SharedImages) []error {
	failed := checkApart(ctx, all)
	for i, f := range all {
		if failed[i] = cmp.Or(f.Err, failed[i]); failed[i] == nil {
			failed[i] = recovered(func() error { return e.checkPlan(ctx, f) })
		}
	}
	if slices.ContainsFunc(failed, func(err error) bool { return err != nil }) {
		return failed
	}
	for i, f := range all {
		if failed[i] = shared.open(ctx, e, f.Job); failed[i] != nil {
			break
		}
	}
	return failed
}
