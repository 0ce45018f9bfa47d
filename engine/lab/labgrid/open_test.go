package labgrid

import (
	"context"
	"testing"
	"time"

	"github.com/flashlua/flashlua/engine/power"
)

type slowDriver struct{ power.Driver }

func (slowDriver) Timeout() time.Duration { return time.Minute }

type instantDriver struct{ power.Driver }

func (instantDriver) Instant() {}

// TestGuardKeepsWhatADriverIs holds that a guarded driver has the pauses and the timeout of the driver.
func TestGuardKeepsWhatADriverIs(t *testing.T) {
	p := &Place{lost: make(chan struct{})}
	if _, ok := p.guard(slowDriver{}).(power.Slow); !ok {
		t.Error("guard(slow driver) is not slow")
	}
	if _, ok := p.guard(instantDriver{}).(power.Instant); !ok {
		t.Error("guard(instant driver) is not instant")
	}
	if _, ok := p.guard(noDriver{}).(power.Instant); ok {
		t.Error("guard(driver) is instant")
	}
	if d, err := p.OpenPower("none"); d != nil || err != nil {
		t.Errorf("OpenPower(none) = %v, %v; want no driver", d, err)
	}
}

// TestLostPowerIsNotSwitched holds that no driver of a run at a place switches after the place is lost.
func TestLostPowerIsNotSwitched(t *testing.T) {
	p := &Place{lost: make(chan struct{})}
	d, err := p.OpenPower("command:true {}")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.On(context.Background()); err != nil {
		t.Errorf("On() = %v; want nil", err)
	}
	p.lose(errNotAvailable)
	if err := d.Off(context.Background()); err != errNotAvailable {
		t.Errorf("Off() after the loss = %v; want why it was lost", err)
	}
}
