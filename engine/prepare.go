package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/transport"
)

// prepare checks all that can be checked before the board is touched, and opens what the attempts need. A download
// comes last, so that other errors are found before it.
func (r *boardRun) prepare(ctx context.Context) error {
	steps := append(r.planSteps(r.stageImages), r.power.check, r.outputs.check, r.openConsole, r.openSecondConsoles, r.startServers, r.checkConnected)
	switch {
	case r.job.DryRun:
		steps = append(r.planSteps(r.stageImages), r.checkPortSpec)
	case slices.ContainsFunc(r.job.parts(), func(p Part) bool { return image.Ref(p.Image).IsURL() }):
		steps = slices.Insert(slices.Delete(steps, 3, 4), 8, r.stageImages) // before checkConnected
	}
	return inOrder(ctx, steps)
}

// planSteps returns the steps that check the plan and connect to nothing. images checks the images.
func (r *boardRun) planSteps(images func(context.Context) error) []func(context.Context) error {
	return []func(context.Context) error{r.resolveArguments, r.resolveTargets, r.findBootFiles, images}
}

// resolve computes the limits, and finds what the operator connects to the board.
func (r *boardRun) resolve() error {
	if err := r.resolveLimits(); err != nil {
		return err
	}
	return errors.Join(r.resolveOutputs(), r.resolveConsoles())
}

// inOrder calls all steps until one fails.
func inOrder(ctx context.Context, steps []func(context.Context) error) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// findBootFiles finds the files that the boot loader loads. A flash that loads none needs none.
func (r *boardRun) findBootFiles(ctx context.Context) (err error) {
	if r.policy.LoadsNoFiles && r.mode != ModeConsole {
		return r.job.checkFiles(r.policy)
	}
	r.files, err = findBootFiles(ctx, r.Clock, r.policy, r.job)
	return err
}

// stageImages starts to stage the images. It waits for small ones only: the board can boot while a large one is
// staged.
func (r *boardRun) stageImages(ctx context.Context) error {
	if err := r.staging.checkExist(ctx); err != nil {
		return err
	}
	enough, reservedCPUs := r.staging.slow, 1 // for the console and the servers
	if r.job.DryRun {
		enough, reservedCPUs = r.staging.done, 0
	}
	r.cleanups.push("image", r.staging.start(ctx, reservedCPUs))
	return r.staging.wait(ctx, enough)
}

// checkPortSpec checks the name of the console port, without opening it.
func (r *boardRun) checkPortSpec(context.Context) error {
	if r.Simulated {
		return nil
	}
	return transport.Check(r.job.Port)
}

// openConsole opens the console before the board gets power, so that none of its output is lost.
func (r *boardRun) openConsole(ctx context.Context) error {
	if err := r.console.open(ctx); err != nil {
		return err
	}
	r.cleanups.push("console", func() error { return r.console.Close() })
	return nil
}

// startServers starts the HTTP server, and makes the boot files available by TFTP.
func (r *boardRun) startServers(ctx context.Context) error {
	address := net.JoinHostPort(r.policy.Net.Listen, "0")
	l, err := r.Listen(ctx, "tcp", address)
	if err != nil {
		return serve.ListenError(err, "tcp", address)
	}
	r.http = serve.NewHTTP(l)
	r.cleanups.push("HTTP server", r.http.Close)
	if err := r.files.open(r.grants, &r.cleanups); err != nil || len(r.files.files) == 0 && !r.policy.hasUBootTarget() || r.policy.Net.NoTFTP {
		return err
	}
	if r.job.TFTPDir != "" {
		return r.files.copyTo(r.job.TFTPDir, r.grants, &r.cleanups)
	}
	host := r.policy.Net.Listen
	if configured := r.policy.Net.TFTP; configured != "" && serve.IsLocal(ctx, configured) {
		host = configured
	}
	return r.files.serve(ctx, r, host)
}

// hasUBootTarget reports whether U-Boot can write a target.
func (p *Policy) hasUBootTarget() bool {
	for _, t := range p.Targets {
		if t.UBoot != "" {
			return true
		}
	}
	return false
}

// checkConnected is the last check before the board is touched: its console must be connected.
func (r *boardRun) checkConnected(ctx context.Context) error {
	if r.power.driver == nil {
		return nil
	}
	return r.console.gate.check(ctx, r.console.Console)
}

// planSummary returns the plan as a text for people.
func (r *boardRun) planSummary() string {
	l := r.limits
	attempts := time.Duration(*l.Retries + 1)
	worst := attempts * l.Attempt
	for n := range *l.Retries {
		worst += classify.Backoff{}.Wait(n)
	}
	var b strings.Builder
	by := r.policy.Method
	format, undecided := "to %s of board %s, target %s%s: everything on it is lost\n", "to the target that the policy chooses, one of %s of board %s%s: everything on it is lost\n"
	if r.job.VerifyOnly {
		format, undecided = "compared with %s of board %s, target %s%s: nothing is written\n", "compared with the target that the policy chooses, one of %s of board %s%s: nothing is written\n"
	}
	for _, m := range r.ledger.media {
		if m.image() != nil {
			fmt.Fprintln(&b, m.describe())
		} else {
			fmt.Fprintf(&b, "%s, which is made ready while the board boots\n", m.from)
		}
		if m.target == (flash.Target{}) {
			fmt.Fprintf(&b, undecided, strings.Join(slices.Sorted(maps.Keys(r.policy.Targets)), ", "), r.policy.describe(), by.describe())
			continue
		}
		line, target := format, by.finds(m.target)
		if target.Offset != 0 && !target.InLinux() {
			line = strings.Replace(line, "everything on it", "what the image covers", 1)
		}
		fmt.Fprintf(&b, line, target, r.policy.describe(), m.target.Name, by.describe())
	}
	if len(r.report.Args) > 0 {
		fmt.Fprintf(&b, "arguments: %s\n", r.report.Args)
	}
	fmt.Fprintf(&b, "at most %s of %s each, %s in total, and then %s to clean up", plural(int(attempts), "attempt"), l.Attempt, min(worst, l.Total), attemptReserve+r.power.timeAfter()+r.outputs.timeAfter())
	if r.runsCheck() || r.mode == ModeDryRun && r.policy.Check != nil && !r.job.NoCheck {
		fmt.Fprintf(&b, "\nafter the flash the policy's check, at most %s", r.limits.Check)
	}
	if outputs := r.outputs.describe(); outputs != "" {
		fmt.Fprintf(&b, "\n%s", outputs)
	}
	if cost := r.policy.typingCost(); cost != "" {
		fmt.Fprintf(&b, "\n%s", cost)
	}
	return b.String()
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
