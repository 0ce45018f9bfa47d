package uboot

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// Held is a command that runs until Ctrl-C is typed, such as ums. Until Release, no other command can run. It
// belongs to the goroutine of its UBoot.
type Held struct {
	ub    *UBoot
	cmd   string
	ended console.Pattern
	done  bool // the command has ended
}

const (
	quietStart     = time.Second // in which a command that cannot begin has ended
	releaseTries   = 3
	releaseTimeout = 5 * time.Second // after each Ctrl-C: a busy command looks for it seldom
)

// Hold types a command that runs until Ctrl-C is typed, and waits until it prints ready. It returns the groups of
// the match. A command that ends before is an error. A command that prints nothing has begun once a second has
// passed: ready is nil then.
func (u *UBoot) Hold(ctx context.Context, cmd string, ready *console.Pattern, timeout time.Duration) (*Held, []string, error) {
	if err := u.Live(ctx); err != nil {
		return nil, nil, err
	}
	ended, err := u.Start(ctx, u.Dialect, cmd)
	if err != nil {
		return nil, nil, err
	}
	h := &Held{ub: u, cmd: cmd, ended: ended}
	u.held = cmd
	if ready == nil {
		err := h.Wait(ctx, quietStart)
		if err != nil {
			err = h.End(ctx, err)
		}
		return h, nil, err
	}
	m, err := h.expect(ctx, console.Wait{What: "`" + cmd + "` to begin", For: []console.Pattern{ended, *ready}, Timeout: timeout, Before: true})
	switch {
	case classify.Find(err, classify.ConsoleTimeout) != nil, ctx.Err() != nil:
		return nil, nil, h.End(ctx, err)
	case err != nil:
		u.held = ""
		return nil, nil, err
	case m.Index == 0:
		h.done = true
		return nil, nil, h.End(ctx, u.Fail(h.endedError(m)))
	}
	return h, m.Groups, nil
}

// Wait waits for d, or until the command ends by itself, which is an error.
func (h *Held) Wait(ctx context.Context, d time.Duration) error {
	m, err := h.expect(ctx, console.Wait{What: "`" + h.cmd + "` to end", For: []console.Pattern{h.ended}, Timeout: d, Before: true})
	if classify.Find(err, classify.ConsoleTimeout) != nil {
		return nil
	}
	if err != nil {
		return err
	}
	h.done = true
	return h.ub.Fail(h.endedError(m))
}

// Release types Ctrl-C until the prompt answers.
func (h *Held) Release(ctx context.Context) error {
	defer func() { h.ub.held = "" }()
	for try := 0; !h.done && try < releaseTries; try++ {
		if err := h.ub.Send(ctx, interrupt); err != nil {
			return err
		}
		patterns := []console.Pattern{h.ended, console.Prompt(h.ub.Dialect.Prompt)} // the rest of the line may not run
		_, err := h.expect(ctx, console.Wait{What: "the prompt after Ctrl-C", For: patterns, Timeout: releaseTimeout})
		if err == nil {
			h.done = true
		} else if classify.Find(err, classify.ConsoleTimeout) == nil {
			return err
		}
	}
	h.done = true
	return h.ub.resync(ctx)
}

// End takes the prompt back after work that ended with err, and returns the error of both. If ctx is over, it does
// not wait for the prompt, whose epoch it ends.
func (h *Held) End(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		h.ub.held = ""
		h.ub.Send(context.WithoutCancel(ctx), interrupt)
		h.ub.EndEpoch(ctx, "`"+h.cmd+"` was cancelled")
		return cmp.Or(err, context.Cause(ctx))
	}
	released := h.Release(ctx)
	switch {
	case err == nil:
		return released
	case classify.Find(released, "board") != nil: // the cause
		return classify.WithSecondary(released, err)
	}
	return classify.WithSecondary(err, released)
}

// Live returns an error if the prompt cannot be used: its epoch has ended, or a command is held.
func (u *UBoot) Live(ctx context.Context) error {
	if u.held != "" {
		return classify.WithHint(classify.New(classify.ConsoleBusy, "U-Boot runs `%s`, which ends by Ctrl-C", u.held), "use the prompt after that")
	}
	return u.Interpreter.Live(ctx)
}

// resync makes sure that the prompt answers. Otherwise it ends the prompt's epoch.
func (u *UBoot) resync(ctx context.Context) error {
	err := u.Sync(ctx, u.Dialect, syncTries, syncTimeout)
	if err != nil {
		u.EndEpoch(ctx, "U-Boot did not answer after Ctrl-C")
		err = classify.Wrap(err, classify.UBootSync, "U-Boot's prompt does not answer after Ctrl-C")
	}
	return err
}

// expect waits while the command runs. A reset ends the prompt's epoch.
func (h *Held) expect(ctx context.Context, w console.Wait) (console.Match, error) {
	w.Abort = aborts
	m, err := h.ub.Expect(ctx, w)
	if failed := classify.Find(err, "board"); failed != nil {
		h.ub.EndEpoch(ctx, failed.Error())
	}
	return m, err
}

// endedError returns the error of a command that ended by itself.
func (h *Held) endedError(m console.Match) error {
	if strings.Contains(m.Before, "Unknown command '") {
		name, _, _ := strings.Cut(h.cmd, " ")
		return classify.WithHint(classify.New(classify.UBootCommand, "this U-Boot has no command %s", name), "build a U-Boot that has the command, or write another way")
	}
	code := 0
	if len(m.Groups) > 0 {
		code, _ = strconv.Atoi(m.Groups[0])
	}
	return classify.New(classify.UBootExit, "U-Boot: `%s` ended by itself, with the exit code %d", h.cmd, code)
}
