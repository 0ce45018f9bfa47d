package engine

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

func TestCleanUpTriesEverything(t *testing.T) {
	b := newBench(t, nil)
	never := make(chan struct{})
	defer close(never)
	var undone []string
	b.policy.Flash = func(ctx context.Context, s *Session) error {
		for name, undo := range map[string]func() error{
			"good":  func() error { undone = append(undone, "good"); return nil },
			"bad":   func() error { return errors.New("cannot") },
			"panic": func() error { panic("oops") },
		} {
			s.run.cleanups.push(name, undo)
		}
		s.run.cleanups.push("hangs", func() error {
			b.clk.Sleep(context.Background(), cleanupTimeout)
			<-never
			return nil
		})
		return classify.MarkFatal(noLease)
	}
	r, _ := b.run(t)
	wantReport(t, r, ExitFatal, classify.RuleFatal, classify.NetDHCPTimeout, 1)
	secondary := strings.Join(r.Secondary, "\n")
	if len(undone) != 1 || !strings.Contains(secondary, "bad: cannot") || !strings.Contains(secondary, "panic: panic: oops") || !strings.Contains(secondary, "hangs: it did not end within") {
		t.Errorf("clean-ups that ended well = %v, secondary errors:\n%s\nwant good, and those of bad, panic and hangs", undone, secondary)
	}
}
