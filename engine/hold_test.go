package engine

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/hold"
	"github.com/flashlua/flashlua/engine/transport"
)

// TestARunHoldsItsBoard holds that a run holds its station and consoles before it opens a port, until it has cleaned
// up, and that the wait is not part of its time.
func TestARunHoldsItsBoard(t *testing.T) {
	const wait = 30 * time.Hour // longer than the run may take
	var order []string
	b := newBench(t, nil)
	b.policy.Flash = func(context.Context, *Session) error {
		order = append(order, "flash")
		return classify.New(classify.ConfigPlan, "it ends here")
	}
	b.job.Station, b.job.Port = "bench-7", "exec:true"
	open := b.OpenPort
	b.OpenPort = func(ctx context.Context, spec string, line transport.Line) (transport.Port, error) {
		order = append(order, "open")
		port, err := open(ctx, spec, line)
		return closes{port, func() { order = append(order, "close") }}, err
	}
	b.Hold = func(ctx context.Context, names []string, r hold.Request) (func(), error) {
		if want := []string{"station:bench-7", "exec:true"}; !slices.Equal(names, want) || r.Station != "bench-7" {
			t.Errorf("Hold(%q, %+v); want %q, station bench-7", names, r, want)
		}
		if err := r.Notify(hold.Queue{Name: "station bench-7", Place: 1}); err != nil {
			return nil, err
		}
		b.clk.Sleep(ctx, wait)
		order = append(order, "hold")
		return func() { order = append(order, "release") }, nil
	}
	r, _ := b.run(t)
	if got, want := strings.Join(order, " "), "hold open flash close release"; got != want {
		t.Errorf("order = %s; want %s: %v", got, want, r.Err)
	}
	if r.Waited != wait || r.Duration >= wait || r.Exit != ExitFatal {
		t.Errorf("waited %s, duration %s, exit %d; want %s, less, %d: %v", r.Waited, r.Duration, r.Exit, wait, ExitFatal, r.Err)
	}
}

// closes is a port that reports when it is closed.
type closes struct {
	io.ReadWriteCloser
	closed func()
}

func (c closes) Close() error {
	c.closed()
	return c.ReadWriteCloser.Close()
}

// TestWhatIsHeldByAnother holds that nothing is opened and the power is not switched while another job has the board,
// that a plan that cannot work is the error to report, and that a dry run holds nothing.
func TestWhatIsHeldByAnother(t *testing.T) {
	held := classify.New(classify.StationHeld, "station bench-7 is held by ann")
	newHeld := func() *bench {
		b := newBench(t, nil)
		b.job.Station = "bench-7"
		b.OpenPort = func(context.Context, string, transport.Line) (transport.Port, error) {
			t.Error("OpenPort() was called")
			return nil, held
		}
		b.Hold = func(context.Context, []string, hold.Request) (func(), error) { return nil, held }
		return b
	}
	b := newHeld()
	r, _ := b.run(t)
	wantReport(t, r, ExitTempFail, classify.RuleFatal, classify.StationHeld, 0)
	if !r.Retry || len(b.switched) > 0 {
		t.Errorf("Retry = %v, switched %v; want true and no switching", r.Retry, b.switched)
	}
	b = newHeld()
	b.job.Image = "no-such-image.raw"
	r, _ = b.run(t)
	wantReport(t, r, ExitPlan, classify.RuleFatal, classify.ImageMissing, 0)
	b = newHeld()
	r = b.Interactive(t.Context(), b.policy, b.job, BoardAsIs, func(context.Context, *console.Console) error { return nil })
	wantReport(t, r, ExitTempFail, classify.RuleFatal, classify.StationHeld, 0)
	b = newHeld()
	b.job.DryRun, b.job.Port = true, "exec:true"
	if r, _ = b.run(t); r.Exit != 0 {
		t.Errorf("a dry run: exit %d; want 0: %v", r.Exit, r.Err)
	}
}
