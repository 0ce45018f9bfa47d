package engine

import (
	"time"

	"github.com/flashlua/flashlua/classify"
)

// Limits bound a run. A zero field has its default. Plain data: safe for concurrent use while nothing changes it.
type Limits struct {
	Retries *int          // attempts after the first; default 3
	Total   time.Duration // default 60 min
	Attempt time.Duration // default 30 min, or Total if that is less
	Check   time.Duration // default 5 min, or Total if that is less
	Jitter  float64       // spread of the wait between attempts, 0 to 1; default none
}

// MaxDuration is the longest time that a policy or an operator may set.
const MaxDuration = 720 * time.Hour

// The limits of a policy that sets none.
const (
	DefaultRetries = 3
	DefaultTotal   = time.Hour
	DefaultAttempt = 30 * time.Minute
	DefaultCheck   = 5 * time.Minute
)

const (
	maxRetries = 1000
	// attemptReserve is the time that an attempt needs to end, besides that for switching power.
	attemptReserve = 2 * time.Second
)

// CheckLimits returns an error if one attempt and its clean-up do not fit the policy's total.
func (p *Policy) CheckLimits() error {
	_, err := p.Limits.resolve(nil, 0, defaultPowerTimeout)
	return err
}

// resolve returns the limits with those of the job, and with defaults. A nil retries and a zero total are not set
// by the job; power bounds one action of the power driver.
func (l Limits) resolve(retries *int, total, power time.Duration) (Limits, error) {
	if l.Total == 0 {
		l.Total = DefaultTotal
	}
	if need := l.Attempt + attemptReserve + power; l.Attempt > 0 && need > l.Total {
		return l, classify.WithHint(
			classify.New(classify.ConfigPlan, "one attempt of %s and its clean-up of %s do not fit the total of %s", l.Attempt, attemptReserve+power, l.Total),
			"raise limits.total or lower limits.attempt")
	}
	if total > MaxDuration {
		return l, classify.New(classify.Usage, "a total of %s is more than %s", total, MaxDuration)
	}
	if total > 0 {
		l.Total = total
	}
	if l.Attempt == 0 {
		l.Attempt = DefaultAttempt
	}
	l.Attempt = min(l.Attempt, l.Total)
	if l.Check == 0 {
		l.Check = DefaultCheck
	}
	l.Check = min(l.Check, l.Total)
	n := DefaultRetries
	if l.Retries != nil {
		n = *l.Retries
	}
	if retries != nil {
		n = *retries
	}
	if n > maxRetries {
		return l, classify.New(classify.Usage, "%d retries are more than %d", n, maxRetries)
	}
	l.Retries = &n
	return l, nil
}
