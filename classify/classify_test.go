package classify

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// Foreign error types of every awkward shape.
type (
	wrapper      struct{ cause error }
	group        struct{ members []error }
	uncomparable []error
	panicky      struct{}
)

func (w *wrapper) Error() string       { return "wrapper" }
func (w *wrapper) Unwrap() error       { return w.cause }
func (g *group) Error() string         { return "group" }
func (g *group) Unwrap() []error       { return g.members }
func (u uncomparable) Error() string   { return "uncomparable" }
func (u uncomparable) Unwrap() []error { return u }
func (panicky) Error() string          { return "panicky" }
func (panicky) Unwrap() error          { panic("no cause for you") }
func over(err error, layers int) error {
	for range layers {
		err = &wrapper{err}
	}
	return err
}

func cycle(member error) error {
	g := &group{}
	g.members = []error{&wrapper{g}, member}
	return g
}

func selfHolding() error {
	u := make(uncomparable, 2)
	u[0], u[1] = u, New(NetHTTP, "reset")
	return u
}

func wide(n int, last error) error {
	g := &group{}
	for i := range n {
		g.members = append(g.members, fmt.Errorf("plain %d", i))
	}
	g.members = append(g.members, last)
	return g
}

// doubling has 2^n paths over n nodes.
func doubling(n int, leaf error) error {
	for range n {
		leaf = &group{[]error{leaf, leaf}}
	}
	return leaf
}

var (
	usage    = New(Usage, "no such target")
	dhcp     = New(NetDHCPTimeout, "no lease")
	errPlain = errors.New("boom")
	canceled = context.Canceled
)

func TestBuiltinRules(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want Rule
		kind Kind
	}{
		{"kind, retryable", dhcp, RuleRetry, NetDHCPTimeout},
		{"kind, fatal", usage, RuleFatal, Usage},
		{"a kind below a known family", New("net.wifi.gone", "x"), RuleRetry, "net.wifi.gone"},
		{"a kind of an unknown family", New("lab.fixture", "x"), RuleUnknown, "lab.fixture"},
		{"a family is not a prefix", New("network", "x"), RuleUnknown, "network"},
		{"fatal mark over a retryable kind", MarkFatal(dhcp), RuleFatal, NetDHCPTimeout},
		{"retryable mark over a fatal kind", MarkRetry(usage), RuleFatal, Usage},
		{"a mark beats the default of its own node", &Error{Kind: Usage, Class: Retry}, RuleRetry, Usage},
		{"non-retryable is first in a mixed group", errors.Join(dhcp, usage), RuleFatal, Usage},
		{"and in the other order", errors.Join(usage, dhcp), RuleFatal, Usage},
		{"retryable under two unrelated causes", over(dhcp, 2), RuleRetry, NetDHCPTimeout},
		{"a retry kind next to an unknown sibling", errors.Join(errPlain, dhcp), RuleRetry, NetDHCPTimeout},
		{"unknown", errPlain, RuleUnknown, Unknown},
		{"unknown under two causes", over(errPlain, 2), RuleUnknown, Unknown},
		{"cancelled", canceled, RuleCancelled, Cancelled},
		{"cancelled under a wrapper", fmt.Errorf("read: %w", canceled), RuleCancelled, Cancelled},
		{"a group of cancelled ones", errors.Join(canceled, over(canceled, 3)), RuleCancelled, Cancelled},
		{"a cancelled sibling of a real cause", errors.Join(canceled, dhcp), RuleRetry, NetDHCPTimeout},
		{"a cancelled sibling of a fatal one", errors.Join(canceled, usage), RuleFatal, Usage},
		{"a cancelled sibling of an unknown one", errors.Join(canceled, errPlain), RuleUnknown, Unknown},
		{"a deadline is not a cancel", context.DeadlineExceeded, RuleUnknown, Unknown},
		{"nested groups", errors.Join(errPlain, over(errors.Join(errPlain, errors.Join(over(usage, 2))), 1)), RuleFatal, Usage},
		{"a cycle", cycle(dhcp), RuleRetry, NetDHCPTimeout},
		{"a cycle without a cause", cycle(nil), RuleUnknown, Unknown},
		{"a cycle of our own", ownCycle(), RuleUnknown, Unknown},
		{"an uncomparable value that holds itself", selfHolding(), RuleRetry, NetHTTP},
		{"a panicking Unwrap", errors.Join(panicky{}, usage), RuleFatal, Usage},
		{"nil members", &group{[]error{nil, usage, nil}}, RuleFatal, Usage},
		{"an empty group", &group{}, RuleUnknown, Unknown},
		{"a typed nil", errors.Join((*Error)(nil), dhcp), RuleRetry, NetDHCPTimeout},
		{"ten thousand nodes deep", over(usage, 10_000), RuleFatal, Usage},
		{"ten thousand nodes wide", wide(10_000, usage), RuleFatal, Usage},
		{"shared nodes, 2^40 paths", doubling(40, dhcp), RuleRetry, NetDHCPTimeout},
		{"secondary errors do not count", WithSecondary(dhcp, usage), RuleRetry, NetDHCPTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := (&Classifier{}).Decide(nil, tt.err)
			if d.Rule != tt.want || d.Class != tt.want.class() {
				t.Errorf("Decide = %s by %s; want %s", d.Class, d.Rule, tt.want)
			}
			if f := Facts(d.Err); f.Kind != tt.kind || f.Class != d.Class {
				t.Errorf("Facts = %s, %s; want %s, %s", f.Kind, f.Class, tt.kind, d.Class)
			}
			if again := (&Classifier{}).Decide(nil, d.Err); again.Class != d.Class {
				t.Errorf("Decide of its error = %s; want %s", again.Class, d.Class)
			}
			_, _, _ = Messages(d.Err), Leaves(d.Err), Find(d.Err, "net")
		})
	}
}

func ownCycle() error {
	a, b := &Error{Msg: "a"}, &Error{Msg: "b"}
	a.Cause, b.Cause = b, a
	return a
}

func TestOwnCycleHasAText(t *testing.T) {
	if got := ownCycle().Error(); !strings.HasPrefix(got, "a: b: a: b") {
		t.Errorf("Error() = %.40q; want a: b: a: b…", got)
	}
}

func TestUnknownIsWrappedOnce(t *testing.T) {
	asked := 0
	c := Classifier{OnUnknown: func(err error, stack []byte) {
		asked++
		if err != errPlain || !strings.Contains(string(stack), "TestUnknownIsWrappedOnce") {
			t.Errorf("OnUnknown(%v, %.60q); want %v, and the stack of the caller", err, stack, errPlain)
		}
	}}
	d := c.Decide(nil, errPlain)
	if !errors.Is(d.Err, errPlain) {
		t.Errorf("Decide = %v; want an error that wraps %v", d.Err, errPlain)
	}
	if want := `unknown error of type *errors.errorString, "boom": boom`; d.Err.Error() != want {
		t.Errorf("text = %q; want %q", d.Err, want)
	}
	if again := c.Decide(nil, d.Err); again.Rule != RuleRetry || asked != 1 {
		t.Errorf("Decide of its error = %s, OnUnknown called %d times; want retry, once", again.Rule, asked)
	}
	if d := (&Classifier{}).Decide(nil, errors.Join(canceled, errPlain)); !strings.Contains(d.Err.Error(), `"boom"`) {
		t.Errorf("Decide of a group with a cancelled member = %q; want the other member named", d.Err)
	}
}

func TestRulesThatNoPolicyOverrides(t *testing.T) {
	c := Classifier{Override: func(error, func(error) Class) (Class, error) {
		t.Error("Override was called; want no call")
		return Retry, nil
	}}
	cause := New(DeadlineTotal, "total deadline of 5s passed")
	for _, tt := range []struct {
		name  string
		cause error
		err   error
		want  Rule
	}{
		{"internal", nil, over(New(Internal, "panic"), 3), RuleInternal},
		{"internal in a cancelled run", cause, New(Internal, "panic"), RuleInternal},
		{"limit", nil, errors.Join(dhcp, New(ScriptLimit, "memory")), RuleLimit},
		{"the run's context", cause, dhcp, RuleRunCancelled},
	} {
		if d := c.Decide(tt.cause, tt.err); d.Rule != tt.want || d.Class != Fatal {
			t.Errorf("%s: Decide = %s by %s; want fatal by %s", tt.name, d.Class, d.Rule, tt.want)
		}
	}
	d := c.Decide(cause, WithStep(dhcp, "network"))
	if f := Facts(d.Err); f.Kind != DeadlineTotal || f.Step != "network" || len(f.Secondary) != 1 {
		t.Errorf("Facts of a cancelled run = kind %s, step %q, %d secondary; want deadline.total, network, 1", f.Kind, f.Step, len(f.Secondary))
	}
	if through := Wrap(cause, "", "dhcp"); c.Decide(cause, through).Err != through {
		t.Errorf("Decide of an error with the cause = %v; want it unchanged", c.Decide(cause, through).Err)
	}
}

func TestOverride(t *testing.T) {
	bad := New(ScriptFault, "board.lua:3: attempt to index a nil value")
	for _, tt := range []struct {
		name   string
		policy Override
		err    error
		want   Decision
	}{
		{"fatal", func(error, func(error) Class) (Class, error) { return Fatal, nil }, dhcp, Decision{Fatal, RulePolicy, dhcp}},
		{"retry", func(error, func(error) Class) (Class, error) { return Retry, nil }, usage, Decision{Retry, RulePolicy, usage}},
		{"next", func(e error, next func(error) Class) (Class, error) { return next(e), nil }, usage, Decision{Fatal, RuleFatal, usage}},
		{"next, then otherwise", func(e error, next func(error) Class) (Class, error) { next(e); return Retry, nil }, usage, Decision{Retry, RulePolicy, usage}},
		{"next of another error", func(e error, next func(error) Class) (Class, error) { return next(dhcp), nil }, usage, Decision{Retry, RulePolicy, usage}},
	} {
		c := Classifier{Override: tt.policy}
		if got := c.Decide(nil, tt.err); got != tt.want {
			t.Errorf("%s: Decide = %v; want %v", tt.name, got, tt.want)
		}
	}
	c := Classifier{Override: func(error, func(error) Class) (Class, error) { return None, bad }}
	d := c.Decide(nil, dhcp)
	if f := Facts(d.Err); d.Rule != RuleRetry || len(f.Secondary) != 1 || f.Secondary[0] != error(bad) || f.Kind != NetDHCPTimeout {
		t.Errorf("Decide with an Override that fails = %v, secondary %v; want the built-in decision and both errors", d, f.Secondary)
	}
}

// TestFactsInnermostWins: outer layers add facts and replace none.
func TestFactsInnermostWins(t *testing.T) {
	err := WithHint(New(NetDHCPTimeout, "no lease"), "plug it in")
	err = WithHint(WithStep(Wrap(err, UBootExit, "dhcp failed"), "network"), "give up")
	err = WithAttempt(WithStep(WithConsole(err, "BOOTP broadcast"), "outer"), 2)
	f := Facts(err)
	if f.Kind != NetDHCPTimeout || f.Hint != "plug it in" || f.Step != "network" || f.Attempt != 2 || f.Console != "BOOTP broadcast" {
		t.Errorf("Facts = %+v; want net.dhcp.timeout, plug it in, network, 2, BOOTP broadcast", f)
	}
	if want := "dhcp failed: no lease"; err.Error() != want {
		t.Errorf("text = %q; want %q", err, want)
	}
	var e *Error
	if !errors.As(err, &e) || WithHint(nil, "x") != nil || Wrap(nil, Usage, "x") != nil || WithSecondary(nil, errPlain) != nil {
		t.Error("a decorator made an error of nil, or errors.As does not find the error")
	}
}

// TestACancelledContextHasAKind: a cause that names no kind is of kind run.cancelled, and the interrupted error is
// among the secondary errors.
func TestACancelledContextHasAKind(t *testing.T) {
	stopped := errors.New("the operator of the rack left")
	for _, tt := range []struct {
		name       string
		cause, err error
		kind       Kind
		text       string
		secondary  int
	}{
		{"the context's own error", canceled, canceled, RunCancelled, "the run was cancelled: context canceled", 0},
		{"a deadline of the caller", context.DeadlineExceeded, over(context.DeadlineExceeded, 1), RunCancelled, "the run was cancelled: ", 0},
		{"a cause without a kind", stopped, dhcp, RunCancelled, "the run was cancelled: the operator of the rack left", 1},
		{"an error of another kind that wraps the cause", canceled, Wrap(canceled, TransportOpen, "x"), RunCancelled, "the run was cancelled: context canceled", 1},
		{"a cause with a kind", New(RunInterrupted, "SIGINT"), dhcp, RunInterrupted, "SIGINT", 1},
	} {
		d := (&Classifier{}).Decide(tt.cause, tt.err)
		if f := Facts(d.Err); d.Rule != RuleRunCancelled || f.Kind != tt.kind || !strings.HasPrefix(d.Err.Error(), tt.text) || len(f.Secondary) != tt.secondary {
			t.Errorf("%s: Decide = %s, %s, %q, %d others; want %s, %s, %q, %d", tt.name, d.Rule, f.Kind, d.Err, len(f.Secondary), RuleRunCancelled, tt.kind, tt.text, tt.secondary)
		}
	}
}

func TestFromPanic(t *testing.T) {
	err := func() (err error) {
		defer func() { err = FromPanic(recover()) }()
		panic("oops")
	}()
	if f := Facts(err); err.Error() != "panic: oops" || f.Kind != Internal || f.Hint == "" || !strings.Contains(f.Detail, "TestFromPanic") {
		t.Errorf("FromPanic = %q, %+v; want panic: oops, kind internal, a hint, and the stack", err, f)
	}
}

func TestMessages(t *testing.T) {
	err := fmt.Errorf("attempt 2: %w", Wrap(fmt.Errorf("dial: %w", errPlain), TransportOpen, "cannot open console"))
	if got, want := strings.Join(Messages(err), "|"), "attempt 2|cannot open console|dial: boom"; got != want {
		t.Errorf("Messages = %s; want %s", got, want)
	}
	if got, want := strings.Join(Messages(errors.Join(canceled, dhcp)), "|"), "no lease"; got != want {
		t.Errorf("Messages of a group = %s; want %s", got, want)
	}
	if got, want := (&Error{Kind: PowerConnect}).Error(), PowerConnect.Summary(); got != want {
		t.Errorf("Error() without a text = %q; want %q", got, want)
	}
}

func TestEveryKindHasAClass(t *testing.T) {
	for k, e := range table {
		if e.class == None || e.summary == "" {
			t.Errorf("%s: class %s, summary %q; want both", k, e.class, e.summary)
		}
	}
}

func TestBackoff(t *testing.T) {
	var got []time.Duration
	for n := range 8 {
		got = append(got, Backoff{}.Wait(n)/time.Second)
	}
	if want := "[1ns 2ns 4ns 8ns 16ns 32ns 60ns 60ns]"; fmt.Sprint(got) != want {
		t.Errorf("waits = %v; want %v", got, want)
	}
	if got := (Backoff{}).Wait(1 << 40); got != time.Minute {
		t.Errorf("Wait(2^40) = %v; want %v", got, time.Minute)
	}
	b := Backoff{Jitter: 0.5, Rand: rand.New(rand.NewPCG(1, 2))}
	same := Backoff{Jitter: 0.5, Rand: rand.New(rand.NewPCG(1, 2))}
	moved := false
	for n := range 100 {
		w := b.Wait(n % 10)
		if want := (Backoff{}).Wait(n % 10); w < want/2 || w > min(want*3/2, time.Minute) {
			t.Fatalf("Wait(%d) = %v with jitter, %v without", n%10, w, want)
		} else if w != want {
			moved = true
		}
		if w != same.Wait(n%10) {
			t.Fatalf("Wait(%d) differs for the same seed", n%10)
		}
	}
	if !moved {
		t.Error("100 waits with jitter are those without; want others")
	}
}

func BenchmarkDecide(b *testing.B) {
	chain := fmt.Errorf("run: %w", WithAttempt(WithStep(Wrap(over(WithConsole(dhcp, "T T T"), 2), UBootExit, "dhcp"), "network"), 1))
	deep := over(dhcp, 10_000)
	var c Classifier
	b.Run("chain of 8", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Decide(nil, chain)
		}
	})
	b.Run("errors.Is over it", func(b *testing.B) {
		for b.Loop() {
			_ = errors.Is(chain, errPlain)
		}
	})
	b.Run("ratio", func(b *testing.B) { // of the former two, side by side
		const rounds = 20_000
		var decide, is time.Duration
		for b.Loop() {
			began := time.Now()
			for range rounds {
				c.Decide(nil, chain)
			}
			decide += time.Since(began)
			began = time.Now()
			for range rounds {
				_ = errors.Is(chain, errPlain)
			}
			is += time.Since(began)
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(decide)/float64(is), "times")
		if allocs := testing.AllocsPerRun(100, func() { c.Decide(nil, chain) }); decide > 20*is || allocs > 0 {
			b.Errorf("Decide takes %s, errors.Is %s; %v allocations", decide, is, allocs)
		}
	})
	b.Run("10,000 nodes", func(b *testing.B) {
		for b.Loop() {
			c.Decide(nil, deep)
		}
	})
}
