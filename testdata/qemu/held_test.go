package qemu

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
)

// TestHeldCommand holds a command that runs until Ctrl-C, as ums does: QEMU has no USB device controller, so sleep
// stands for it.
func TestHeldCommand(t *testing.T) {
	r := newRig(t, 1000)
	r.drive(func(ctx context.Context, s *engine.Session, _ *engine.Policy) error {
		ub, err := toUBoot(ctx, s)
		if err != nil {
			return err
		}
		begun := console.Regexp(`begun ([0-9]+)\r`)
		for range 3 {
			held, groups, err := ub.Hold(ctx, "echo begun 17; sleep 10000", &begun, time.Minute)
			if err != nil {
				return err
			}
			if len(groups) != 1 || groups[0] != "17" {
				t.Errorf("Hold() = groups %q; want 17", groups)
			}
			if ub.Live(ctx) == nil {
				t.Error("Live() while a command is held = nil; want an error")
			}
			if err := held.Wait(ctx, time.Second); err != nil {
				t.Errorf("Wait() = %v; want nil while it runs", err)
			}
			if err := held.Release(ctx); err != nil {
				return err
			}
			if out, err := ub.Run(ctx, console.Command{Text: "echo after"}); err != nil || strings.TrimSpace(out) != "after" {
				t.Errorf("the command after Release() = %q, %v; want after", out, err)
			}
		}
		if held, _, err := ub.Hold(ctx, "sleep 10000", nil, 0); err != nil || held.End(ctx, nil) != nil {
			t.Errorf("Hold() of a command that prints nothing = %v; want nil", err)
		}
		if _, _, err := ub.Hold(ctx, "false", nil, 0); classify.Find(err, classify.UBootExit) == nil {
			t.Errorf("Hold() of a command that fails and prints nothing = %v; want kind %s", err, classify.UBootExit)
		}
		_, _, err = ub.Hold(ctx, "nosuchcommand 0", &begun, time.Minute)
		if classify.Find(err, classify.UBootCommand) == nil {
			t.Errorf("Hold() of an unknown command = %v; want kind %s", err, classify.UBootCommand)
		}
		_, _, err = ub.Hold(ctx, "false", &begun, time.Minute)
		if classify.Find(err, classify.UBootExit) == nil || !strings.Contains(err.Error(), "exit code 1") {
			t.Errorf("Hold() of a command that fails = %v; want kind %s and the exit code 1", err, classify.UBootExit)
		}
		held, _, err := ub.Hold(ctx, "echo begun 18; sleep 2", &begun, time.Minute)
		if err == nil {
			err = held.Wait(ctx, time.Minute)
		}
		if classify.Find(err, classify.UBootExit) == nil || !strings.Contains(err.Error(), "ended by itself") {
			t.Errorf("Wait() for a command that ends = %v; want kind %s", err, classify.UBootExit)
		}
		if err := held.Release(ctx); err != nil {
			return err
		}
		_, err = ub.Run(ctx, console.Command{Text: "echo after"})
		return err
	})
}
