package engine

import (
	"context"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
)

// CheckResult is how a policy's check ended. Its values are constants: safe for concurrent use.
type CheckResult string

// The results of a check.
const (
	CheckPassed  CheckResult = "passed"
	CheckFailed  CheckResult = "failed"
	CheckSkipped CheckResult = "skipped"
)

// CheckReport is the result of a policy's check. Plain data: safe for concurrent use while nothing changes it.
type CheckReport struct {
	Result   CheckResult   `json:"result"`
	Reason   string        `json:"reason,omitempty"` // why it was skipped
	Error    string        `json:"error,omitempty"`
	Kind     string        `json:"kind,omitempty"`
	Duration time.Duration `json:"duration_ns"`
}

// skippedCheck returns the report of a run whose check has not begun, nil if the policy has no check.
func skippedCheck(p *Policy, j Job, mode Mode) *CheckReport {
	if p.Check == nil || mode == ModeConsole {
		return nil
	}
	c := &CheckReport{Result: CheckSkipped, Reason: "the flash was not verified"}
	switch {
	case mode != ModeFlash:
		c.Reason = "only a flash is checked"
	case j.NoCheck:
		c.Reason = "--no-check"
	}
	return c
}

// runsCheck reports whether a verified flash is followed by the policy's check.
func (r *boardRun) runsCheck() bool {
	return r.policy.Check != nil && r.mode == ModeFlash && !r.job.NoCheck
}

// check calls the policy's check once, after the flash was verified, and records its result. The proofs of the
// media stay as they are. Its failure is fatal whatever the kind: the medium is right, so that another flash
// cannot help.
func (r *boardRun) check(ctx context.Context) classify.Decision {
	began := r.Clock.Now()
	err := r.callCheck(ctx)
	c := &CheckReport{Result: CheckPassed, Duration: r.Clock.Now().Sub(began)}
	r.report.Check = c
	if err == nil {
		return classify.Decision{}
	}
	kind := classify.Kind("")
	if classify.Facts(err).Kind == "" { // a text that the script raised
		kind = classify.CheckFailed
	}
	err = classify.MarkFatal(classify.Wrap(err, kind, "the medium is verified, but the policy's check failed"))
	err = classify.WithTarget(classify.WithAttempt(err, r.events.lastAttempt()), string(r.ledger.state()))
	d := (&classify.Classifier{OnUnknown: r.events.unknown}).Decide(context.Cause(ctx), err)
	c.Result, c.Error, c.Kind = CheckFailed, d.Err.Error(), string(classify.Facts(d.Err).Kind)
	return d
}

// callCheck calls the policy's check as the step check, with a session that cannot write.
func (r *boardRun) callCheck(run context.Context) error {
	ctx := run
	if r.limits.Check < r.remaining() { // else the total deadline is earlier, and the one to report
		timedOut := classify.WithHint(classify.New(classify.DeadlineCheck, "the check took longer than %s", r.limits.Check), "raise limits.check in the policy")
		var cancel context.CancelFunc
		ctx, cancel = clock.WithTimeout(ctx, r.Clock, r.limits.Check, timedOut)
		defer cancel()
	}
	s := &Session{run: r, checking: true}
	defer s.ended.Store(true)
	report := r.reportForCheck()
	return r.script.call(run, ctx, func() error {
		defer func() { r.console.EndEpoch(ctx, "the check is over") }()
		return s.Step(ctx, "check", StepOptions{}, func(ctx context.Context) error { return r.policy.Check(ctx, s, report) })
	})
}

// reportForCheck returns the report of the verified flash, as far as it is known before the check.
func (r *boardRun) reportForCheck() *Report {
	rep := r.report
	rep.Result, rep.Mode, rep.Attempt, rep.Duration = ResultVerified, r.mode, r.events.lastAttempt(), r.Clock.Now().Sub(r.started)
	rep.Check = nil
	rep.setMedia(&r.ledger)
	return &rep
}

// errIfChecking returns an error in a policy's check, which must not change the verified medium.
func (s *Session) errIfChecking(what string) error {
	if !s.checking {
		return nil
	}
	return classify.WithHint(classify.New(classify.ConfigPolicy, "%s in the policy's check: it runs after the medium was verified, and must not write", what),
		"write in flash; check only runs commands and raises an error if the new system is wrong")
}

// mask hides the secrets in the error.
func (c *CheckReport) mask(secrets *console.Secrets) {
	if c != nil {
		c.Error = masked(secrets, c.Error)
	}
}
