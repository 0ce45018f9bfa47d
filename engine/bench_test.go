package engine

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/transport"
	"github.com/flashlua/flashlua/engine/uboot"
)

// bench is an engine with a virtual clock, a silent console and a power driver that records its actions.
type bench struct {
	Engine
	clk      *clock.Virtual
	policy   *Policy
	job      Job
	events   []Event
	switched []string
	powerErr error
	checkErr error
}

func (b *bench) Check(context.Context) error { return b.checkErr }

func (b *bench) On(context.Context) error { b.switched = append(b.switched, "on"); return b.powerErr }

func (b *bench) Off(context.Context) error { b.switched = append(b.switched, "off"); return b.powerErr }

func newBench(t *testing.T, f func(ctx context.Context, s *Session) error) *bench {
	b := &bench{clk: &clock.Virtual{}}
	b.Engine = Engine{
		Clock:     b.clk,
		OpenPower: func(string) (power.Driver, error) { return b, nil },
		OpenPort: func(context.Context, string, transport.Line) (transport.Port, error) {
			board, port := net.Pipe()
			t.Cleanup(func() { board.Close() })
			return port, nil
		},
		Events: func(e Event) { b.events = append(b.events, e) },
	}
	image := filepath.Join(t.TempDir(), "x.raw")
	if err := os.WriteFile(image, []byte("imag\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.policy = &Policy{
		Name: "fake", UBoot: uboot.Default, Linux: shell.Default, Flash: f, Net: Net{Listen: "127.0.0.1"},
		Targets: map[string]Target{"disk": {Name: "disk", Path: "/dev/vda"}},
	}
	b.job = Job{Image: image}
	return b
}

// run returns the report and the time that passed on the clock.
func (b *bench) run(t *testing.T) (*Report, time.Duration) {
	began := b.clk.Now()
	r := b.Run(t.Context(), b.policy, b.job)
	b.checkOrder(t)
	return r, b.clk.Now().Sub(began)
}

// order is the grammar of events in the comment of Event, one letter for each type.
var order = regexp.MustCompile(`^h*(l((a(s+|S+|r)*A)(r?a(s+|S+|r)*A)*(s(s+|S+|r)*S)?)?)?p*c*e$`)

func (b *bench) checkOrder(t *testing.T) {
	t.Helper()
	letter := map[EventType]string{
		EventHold: "h", EventPlan: "l", EventAttempt: "a", EventAttemptEnd: "A", EventStep: "s", EventStepEnd: "S", EventRetry: "r",
		EventPower: "p", EventCleanup: "c", EventEnd: "e",
	}
	var word string
	for _, e := range b.events {
		word += letter[e.Type]
	}
	if !order.MatchString(word) {
		t.Errorf("events = %s; want %s", word, order)
	}
}

var noLease = classify.New(classify.NetDHCPTimeout, "no lease")

func failing(err error) func(context.Context, *Session) error {
	return func(context.Context, *Session) error { return err }
}

func wantReport(t *testing.T, r *Report, exit ExitCode, rule classify.Rule, kind classify.Kind, attempts int) {
	t.Helper()
	if r.Exit != exit || r.Rule != string(rule) || r.Kind != string(kind) || len(r.Attempts) != attempts {
		t.Errorf("report: exit %d, rule %s, kind %s, %d attempts; want %d, %s, %s, %d\n%v", r.Exit, r.Rule, r.Kind, len(r.Attempts), exit, rule, kind, attempts, r.Err)
	}
}

// quietListener is a listener without connections and without a socket, for a synctest bubble.
type quietListener struct{ over chan struct{} }

func (l quietListener) Accept() (net.Conn, error) { <-l.over; return nil, net.ErrClosed }

func (l quietListener) Close() error { close(l.over); return nil }

func (l quietListener) Addr() net.Addr { return &net.TCPAddr{} }

// slow is a driver that takes slowness to switch off.
type slow struct{ *bench }

const slowness = 3 * time.Second

func (s slow) Off(ctx context.Context) error {
	return errors.Join(s.Clock.Sleep(ctx, slowness), s.bench.Off(ctx))
}
