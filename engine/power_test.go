package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/power"
)

// TestPowerAfterState holds the power state for each outcome.
func TestPowerAfterState(t *testing.T) {
	after := PowerAfter{Success: "s", Failure: "f", Cancel: "c"}
	for _, tt := range []struct {
		after   PowerAfter
		failure error
		want    PowerState
	}{
		{PowerAfter{}, nil, PowerOff},
		{PowerAfter{}, noLease, PowerOff},
		{PowerAfter{Success: PowerKeep}, nil, PowerKeep},
		{PowerAfter{Failure: PowerOn}, noLease, PowerOn},
		{PowerAfter{Failure: PowerOn}, nil, PowerOff},
		{PowerAfter{Cancel: PowerOn}, InterruptedBy("SIGINT", 2), PowerOn},
		{PowerAfter{Cancel: PowerKeep}, classify.New(classify.RunCancelled, "x"), PowerKeep},
		{PowerAfter{Cancel: PowerKeep}, classify.New(classify.DeadlineTotal, "x"), PowerOff},
		{after, noLease, PowerOff}, // unknown values
	} {
		if got := tt.after.state(tt.failure); got != tt.want {
			t.Errorf("%+v.state(%v) = %s; want %s", tt.after, tt.failure, got, tt.want)
		}
	}
}

func TestPowerCycleRests(t *testing.T) {
	b := newBench(t, func(ctx context.Context, s *Session) error {
		if err := s.PowerCycle(ctx); err != nil {
			return err
		}
		return classify.MarkFatal(noLease)
	})
	b.policy.OffTime = 3 * time.Second
	if _, took := b.run(t); took != 3*time.Second || strings.Join(b.switched, " ") != "off on off" {
		t.Errorf("power was switched %v in %s; want off on off in 3s", b.switched, took)
	}
}

func TestPowerAfter(t *testing.T) {
	for state, want := range map[PowerState]string{"": "off", PowerOff: "off", PowerOn: "on", PowerKeep: "", PowerCycle: "off on"} {
		b := newBench(t, failing(classify.MarkFatal(noLease)))
		b.policy.PowerAfter.Failure = state
		b.run(t)
		if got := strings.Join(b.switched, " "); got != want {
			t.Errorf("power_after %q: switched %q; want %q", state, got, want)
		}
	}
	b := newBench(t, failing(noLease))
	b.powerErr = errors.New("the PDU is on fire")
	r, _ := b.run(t)
	wantReport(t, r, ExitExhausted, classify.RuleRetry, classify.NetDHCPTimeout, 4)
	if !strings.Contains(strings.Join(r.Secondary, "\n"), "could not switch the board off: the PDU is on fire") {
		t.Errorf("secondary = %q; want could not switch the board off", r.Secondary)
	}
}

// person is a driver that needs minutes.
type person struct{ *bench }

func (p person) Timeout() time.Duration { return 5 * time.Minute }

func (p person) Off(ctx context.Context) error {
	p.bench.Off(ctx)
	return p.clk.Sleep(ctx, 4*time.Minute)
}

func (p person) On(ctx context.Context) error { return p.clk.Sleep(ctx, time.Hour) }

func TestAPowerDriverThatNeedsMinutes(t *testing.T) {
	b := newBench(t, func(ctx context.Context, s *Session) error {
		if err := s.PowerOff(ctx); err != nil {
			return err
		}
		return classify.MarkFatal(s.PowerOn(ctx))
	})
	b.OpenPower = func(string) (power.Driver, error) { return person{b}, nil }
	r, took := b.run(t)
	wantReport(t, r, ExitFatal, classify.RuleFatal, classify.Power, 1)
	if took != 4*time.Minute+5*time.Minute+4*time.Minute || !strings.Contains(r.Error, "did not answer within 5m0s") || len(r.Secondary) != 0 {
		t.Errorf("took %s: %s; secondary %q; want 13 m, did not answer within 5m0s, none", took, r.Error, r.Secondary)
	}
	if plan := b.events[0].Text; !strings.HasSuffix(plan, "at most 4 attempts of 30m0s each, 1h0m0s in total, and then 5m2s to clean up") {
		t.Errorf("plan: %s", plan)
	}
	b.events = nil
	b.policy.Limits = Limits{Total: 10 * time.Minute, Attempt: 6 * time.Minute}
	r, _ = b.run(t)
	wantReport(t, r, ExitPlan, classify.RuleFatal, classify.ConfigPlan, 0)
	if want := "one attempt of 6m0s and its clean-up of 5m2s do not fit the total of 10m0s"; r.Error != want {
		t.Errorf("error %q; want %q", r.Error, want)
	}
}

// TestPowerAfterCycle holds that the board is switched off, rests, and is switched on.
func TestPowerAfterCycle(t *testing.T) {
	b := newBench(t, failing(classify.MarkFatal(noLease)))
	b.policy.PowerAfter.Failure, b.policy.OffTime = PowerCycle, 3*time.Second
	r, took := b.run(t)
	if took != 3*time.Second || strings.Join(b.switched, " ") != "off on" || len(r.Secondary) != 0 {
		t.Errorf("run switched %v in %s, secondary %q; want off on in 3s, none", b.switched, took, r.Secondary)
	}
	if plan := b.events[0].Text; !strings.Contains(plan, "and then 35s to clean up") {
		t.Errorf("plan = %s; want 35s to clean up", plan)
	}
	var left []string
	for _, e := range b.events {
		if e.Type == EventPower {
			left = append(left, e.Text)
		}
	}
	if strings.Join(left, " ") != "cycle" {
		t.Errorf("power events = %q; want cycle", left)
	}

	b.events, b.switched, b.powerErr = nil, nil, errors.New("the PDU is on fire")
	if r, _ := b.run(t); strings.Join(b.switched, " ") != "off" || !strings.Contains(strings.Join(r.Secondary, "\n"), "could not switch the board off: the PDU is on fire") {
		t.Errorf("run = secondary %q, switched %v; want could not switch the board off, off", r.Secondary, b.switched)
	}

	b.OpenPower = func(string) (power.Driver, error) { return nil, nil }
	b.events = nil
	b.run(t)
	if notes := b.notes(); !strings.Contains(notes, "no power driver: reset the board by hand") {
		t.Errorf("notes of a run without a power driver = %q; want reset the board by hand", notes)
	}
}

// notes returns the notes of the run, one a line.
func (b *bench) notes() string {
	var all []string
	for _, e := range b.events {
		if e.Type == EventNote {
			all = append(all, e.Text)
		}
	}
	return strings.Join(all, "\n")
}
