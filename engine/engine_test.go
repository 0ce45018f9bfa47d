package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/transport"
	"github.com/flashlua/flashlua/engine/uboot"
)

// bench is an engine with a virtual clock, a silent console and a power driver that takes notes.
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
func (b *bench) On(context.Context) error    { b.switched = append(b.switched, "on"); return b.powerErr }
func (b *bench) Off(context.Context) error   { b.switched = append(b.switched, "off"); return b.powerErr }

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
	if err := os.WriteFile(image, []byte("image"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.policy = &Policy{
		Name: "fake", UBoot: uboot.Default, Linux: shell.Default, Flash: f, Net: Net{Listen: "127.0.0.1"},
		Targets: map[string]Target{"disk": {Name: "disk", Path: "/dev/vda"}},
	}
	b.job = Job{Image: image}
	return b
}

// run gives the report and the time that passed on the clock.
func (b *bench) run(t *testing.T) (*Report, time.Duration) {
	began := b.clk.Now()
	r := b.Run(t.Context(), b.policy, b.job)
	b.checkOrder(t)
	return r, b.clk.Now().Sub(began)
}

// order is the grammar of events that event.go promises, a letter a type.
var order = regexp.MustCompile(`^(l((a(s+|S+|r)*A)(r?a(s+|S+|r)*A)*)?)?p*c*e$`)

func (b *bench) checkOrder(t *testing.T) {
	t.Helper()
	letter := map[EventType]string{
		EventPlan: "l", EventAttempt: "a", EventAttemptEnd: "A", EventStep: "s", EventStepEnd: "S", EventRetry: "r",
		EventPower: "p", EventCleanup: "c", EventEnd: "e",
	}
	var word string
	for _, e := range b.events {
		word += letter[e.Type]
	}
	if !order.MatchString(word) {
		t.Errorf("events in the order %s", word)
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

func TestRetriesWithBackoff(t *testing.T) {
	var last []error
	b := newBench(t, func(_ context.Context, s *Session) error {
		last = append(last, s.LastError)
		return noLease
	})
	r, took := b.run(t)
	wantReport(t, r, ExitExhausted, classify.RuleRetry, classify.NetDHCPTimeout, 4)
	if took != 7*time.Second {
		t.Errorf("took %s; want 1 s + 2 s + 4 s", took)
	}
	if last[0] != nil || !errors.Is(last[3], noLease) {
		t.Errorf("the script saw as last errors %v", last)
	}
	if strings.Join(b.switched, " ") != "off" {
		t.Errorf("power was switched %v; want off, once, at the end", b.switched)
	}
	if r.Result != ResultFailed || r.Target.State != Untouched || r.Attempts[2].Wait != "4s" || r.Attempt != 4 {
		t.Errorf("report = %+v", r)
	}
}

func TestFatalStopsAtOnce(t *testing.T) {
	b := newBench(t, failing(errors.Join(noLease, classify.New(classify.TargetUnsafe, "mounted"))))
	r, took := b.run(t)
	wantReport(t, r, ExitFatal, classify.RuleFatal, classify.TargetUnsafe, 1)
	if took != 0 {
		t.Errorf("waited %s", took)
	}
}

func TestUnverifiedIsAFailure(t *testing.T) {
	b := newBench(t, failing(nil))
	r, _ := b.run(t)
	wantReport(t, r, ExitFatal, classify.RuleFatal, classify.FlashUnverified, 1)
}

func TestPanicIsABug(t *testing.T) {
	b := newBench(t, func(context.Context, *Session) error { panic("oops") })
	b.policy.Classify = func(context.Context, error, func(error) classify.Class) (classify.Class, error) {
		return classify.Retry, nil
	}
	r, _ := b.run(t)
	wantReport(t, r, ExitInternal, classify.RuleInternal, classify.Internal, 1)
	if !strings.Contains(r.Detail, "TestPanicIsABug") || len(b.switched) != 1 {
		t.Errorf("detail %.60q, power %v", r.Detail, b.switched)
	}
}

func TestDeadlines(t *testing.T) {
	long := func(b *bench) func(context.Context, *Session) error {
		return func(ctx context.Context, s *Session) error {
			return s.Step(ctx, "write", StepOptions{Timeout: 5 * time.Minute}, func(ctx context.Context) error {
				err := b.clk.Sleep(ctx, time.Hour)
				return classify.Wrap(err, "", "waiting for the board")
			})
		}
	}
	for _, tt := range []struct {
		name   string
		limits Limits
		job    time.Duration
		exit   ExitCode
		rule   classify.Rule
		kind   classify.Kind
		tries  int
		took   time.Duration
	}{
		{"step", Limits{}, 0, ExitExhausted, classify.RuleRetry, classify.DeadlineStep, 4, 20*time.Minute + 7*time.Second},
		{"attempt", Limits{Attempt: time.Minute}, 0, ExitExhausted, classify.RuleRetry, classify.DeadlineAttempt, 4, 4*time.Minute + 7*time.Second},
		{"total", Limits{Total: 3 * time.Minute}, 0, ExitDeadline, classify.RuleRunCancelled, classify.DeadlineTotal, 1, 3 * time.Minute},
		{"total of the job", Limits{}, 6 * time.Minute, ExitDeadline, classify.RuleRunCancelled, classify.DeadlineTotal, 2, 6 * time.Minute},
		{"no time for the next wait", Limits{Total: time.Hour, Attempt: 4 * time.Minute}, 4*time.Minute + time.Second, ExitDeadline, classify.RuleRetry, classify.DeadlineAttempt, 1, 4 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			b.policy.Flash = long(b)
			b.policy.Limits, b.job.Timeout = tt.limits, tt.job
			r, took := b.run(t)
			wantReport(t, r, tt.exit, tt.rule, tt.kind, tt.tries)
			if took != tt.took || r.Step != "write" {
				t.Errorf("took %s in step %q; want %s in write", took, r.Step, tt.took)
			}
			if len(b.switched) != 1 {
				t.Errorf("power was switched %v", b.switched)
			}
		})
	}
}

// TestAnAttemptMustFitTheTotal: a policy whose attempt cannot fit the total is refused.
func TestAnAttemptMustFitTheTotal(t *testing.T) {
	b := newBench(t, failing(nil))
	b.policy.Limits = Limits{Total: time.Minute, Attempt: 50 * time.Second}
	r, _ := b.run(t)
	wantReport(t, r, ExitPlan, classify.RuleFatal, classify.ConfigPlan, 0)
	if !strings.Contains(r.Error, "50s") || r.Hint == "" || len(b.switched) != 0 {
		t.Errorf("error %q, hint %q, power %v", r.Error, r.Hint, b.switched)
	}
}

// TestSecretsAreInNoReport: what a script puts into an error or a note is masked like the output of the board.
func TestSecretsAreInNoReport(t *testing.T) {
	b := newBench(t, func(_ context.Context, s *Session) error {
		s.Note("typed s3cret!")
		return classify.WithHint(classify.MarkFatal(classify.WithConsole(classify.New("lab.login", "s3cret! was refused"), "Password: s3cret!")), "not s3cret!")
	})
	b.policy.Linux.Password = "s3cret!"
	r, _ := b.run(t)
	text, err := r.MarshalIndent()
	all := fmt.Sprint(string(text), b.events)
	if err != nil || strings.Contains(all, "cret!") || strings.Count(all, "********") < 4 {
		t.Errorf("%v: %s", err, all)
	}
}

// TestStepRetries: a step is retried where that can help, and the errors of earlier tries are reported with the last.
func TestStepRetries(t *testing.T) {
	for _, tt := range []struct {
		name  string
		err   error
		tries int
		took  time.Duration
	}{
		{"retryable", noLease, 3, 3 * time.Second},
		{"fatal", classify.New(classify.Usage, "x"), 1, 0},
		{"the board is not where it was", classify.New(classify.BoardReset, "x"), 1, 0},
		{"the console is gone", classify.New(classify.TransportLost, "x"), 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tries := 0
			b := newBench(t, func(ctx context.Context, s *Session) error {
				return s.Step(ctx, "network", StepOptions{Retries: 2}, func(context.Context) error { tries++; return tt.err })
			})
			none := 0
			b.job.Retries = &none
			r, took := b.run(t)
			if tries != tt.tries || took != tt.took || r.Step != "network" || len(b.switched) != 1 || len(r.Secondary) != tt.tries-1 {
				t.Errorf("%d tries in %s, step %s, power %v, beside it %q; want %d in %s", tries, took, r.Step, b.switched, r.Secondary, tt.tries, tt.took)
			}
		})
	}
}

func TestTheInnermostStepIsNamed(t *testing.T) {
	b := newBench(t, func(ctx context.Context, s *Session) error {
		return s.Step(ctx, "outer", StepOptions{}, func(ctx context.Context) error {
			return s.Step(ctx, "inner", StepOptions{}, func(context.Context) error { return classify.MarkFatal(noLease) })
		})
	})
	if r, _ := b.run(t); r.Step != "inner" || r.Exit != ExitFatal {
		t.Errorf("step %s, exit %d", r.Step, r.Exit)
	}
}

func TestSwallowedCancellation(t *testing.T) {
	b := newBench(t, nil)
	b.policy.Flash = func(ctx context.Context, s *Session) error {
		s.Step(ctx, "write", StepOptions{Timeout: time.Minute}, func(ctx context.Context) error {
			b.clk.Sleep(ctx, time.Hour)
			return nil // as a script's pcall does
		})
		b.clk.Sleep(ctx, time.Hour)
		return nil
	}
	b.policy.Limits.Attempt = 2 * time.Minute
	none := 0
	b.job.Retries = &none
	r, _ := b.run(t)
	wantReport(t, r, ExitExhausted, classify.RuleRetry, classify.DeadlineAttempt, 1)
}

func TestPolicyOverrides(t *testing.T) {
	broken := classify.New(classify.ScriptFault, "board.lua:3: attempt to index nil")
	type class func(context.Context, error, func(error) classify.Class) (classify.Class, error)
	type backoff func(context.Context, int, error, func(int, error) time.Duration) (time.Duration, error)
	for _, tt := range []struct {
		name    string
		class   func(*bench) class
		backoff func(*bench) backoff
		exit    ExitCode
		rule    classify.Rule
		tries   int
		took    time.Duration
		beside  string
	}{
		{"fatal", func(*bench) class {
			return func(context.Context, error, func(error) classify.Class) (classify.Class, error) {
				return classify.Fatal, nil
			}
		}, nil, ExitFatal, classify.RulePolicy, 1, 0, ""},
		{"classify fails", func(*bench) class {
			return func(context.Context, error, func(error) classify.Class) (classify.Class, error) { return 0, broken }
		}, nil, ExitExhausted, classify.RuleRetry, 4, 7 * time.Second, "the policy's classify failed: board.lua:3"},
		{"classify hangs", func(b *bench) class {
			return func(ctx context.Context, _ error, _ func(error) classify.Class) (classify.Class, error) {
				return classify.Fatal, b.clk.Sleep(ctx, time.Hour)
			}
		}, nil, ExitExhausted, classify.RuleRetry, 4, 7*time.Second + 4*hookTimeout, "classify took longer than 10m0s"},
		{"backoff", nil, func(*bench) backoff {
			return func(_ context.Context, n int, err error, next func(int, error) time.Duration) (time.Duration, error) {
				return 10*time.Second + next(n, err), nil
			}
		}, ExitExhausted, classify.RuleRetry, 4, 37 * time.Second, ""},
		{"backoff fails", nil, func(*bench) backoff {
			return func(context.Context, int, error, func(int, error) time.Duration) (time.Duration, error) {
				return 0, broken
			}
		}, ExitExhausted, classify.RuleRetry, 4, 7 * time.Second, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, failing(noLease))
			if tt.class != nil {
				b.policy.Classify = tt.class(b)
			}
			if tt.backoff != nil {
				b.policy.Backoff = tt.backoff(b)
			}
			r, took := b.run(t)
			wantReport(t, r, tt.exit, tt.rule, classify.NetDHCPTimeout, tt.tries)
			if took != tt.took || !strings.Contains(strings.Join(r.Secondary, "\n"), tt.beside) {
				t.Errorf("took %s, beside it %q; want %s, %q", took, r.Secondary, tt.took, tt.beside)
			}
		})
	}
}

// quietListener listens to nobody, and so can be waited for in a bubble.
type quietListener struct{ over chan struct{} }

func (l quietListener) Accept() (net.Conn, error) { <-l.over; return nil, net.ErrClosed }
func (l quietListener) Close() error              { close(l.over); return nil }
func (l quietListener) Addr() net.Addr            { return &net.TCPAddr{} }

// slow is a driver that needs a while to switch off.
type slow struct{ *bench }

const slowness = 3 * time.Second

func (s slow) Off(ctx context.Context) error {
	return errors.Join(s.Clock.Sleep(ctx, slowness), s.bench.Off(ctx))
}

func TestPolicyThatDoesNotReturn(t *testing.T) {
	for name, tt := range map[string]struct {
		signal  bool
		program bool
		exit    ExitCode
		rule    classify.Rule
		kind    classify.Kind
	}{
		"after its attempt": {false, false, ExitFatal, classify.RuleLimit, classify.ScriptLimit},
		"after a signal":    {true, false, 130, classify.RuleRunCancelled, classify.RunInterrupted},
		"in a program":      {true, true, 130, classify.RuleRunCancelled, classify.RunInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				over := make(chan struct{})
				defer close(over)
				b := newBench(t, func(context.Context, *Session) error { <-over; return nil }) // deaf to its context
				b.Clock = clock.Real{}                                                         // of the bubble
				b.OpenPower = func(string) (power.Driver, error) { return slow{b}, nil }
				b.Listen = func(context.Context, string, string) (net.Listener, error) {
					return quietListener{make(chan struct{})}, nil
				}
				b.policy.Limits.Attempt = time.Minute
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				ended := time.Minute
				if tt.signal {
					ended = time.Second
					time.AfterFunc(ended, func() { cancel(InterruptedBy("SIGINT", 2)) })
				}
				began := time.Now()
				var r *Report
				if tt.program {
					r = b.RunProgram(ctx, ProgramJob{Name: "rack", Access: Access{Read: []string{b.job.Image}}}, func(ctx context.Context, p *Program) error {
						return p.Flash(ctx, b.policy, b.job).Err
					})
					synctest.Wait()
				} else {
					r = b.Run(ctx, b.policy, b.job)
				}
				attempts := 1
				if tt.program {
					attempts = 0
				}
				wantReport(t, r, tt.exit, tt.rule, tt.kind, attempts)
				if strings.Join(b.switched, " ") != "off" || time.Since(began) != ended+scriptReturnGrace+slowness {
					t.Errorf("power was switched %v, after %s", b.switched, time.Since(began))
				}
			})
		})
	}
}

func TestSignal(t *testing.T) {
	for number, want := range map[int]ExitCode{2: 130, 15: 143} {
		ctx, cancel := context.WithCancelCause(t.Context())
		b := newBench(t, nil)
		b.policy.PowerAfter = PowerAfter{Failure: PowerOn, Cancel: PowerOff}
		b.policy.Flash = func(ctx context.Context, s *Session) error {
			b.clk.AfterFunc(time.Second, func() { cancel(InterruptedBy("SIGINT", number)) })
			return s.Step(ctx, "write", StepOptions{}, func(ctx context.Context) error { return b.clk.Sleep(ctx, time.Hour) })
		}
		r := b.Run(ctx, b.policy, b.job)
		wantReport(t, r, want, classify.RuleRunCancelled, classify.RunInterrupted, 1)
		if strings.Join(b.switched, " ") != "off" || r.Step != "write" {
			t.Errorf("power was switched %v, step %s", b.switched, r.Step)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(InterruptedBy("SIGTERM", 15))
	b := newBench(t, failing(nil))
	if r := b.Run(ctx, b.policy, b.job); r.Exit != 143 || len(b.switched) != 0 {
		t.Errorf("a signal before the first attempt: exit %d, power %v", r.Exit, b.switched)
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	b = newBench(t, failing(noLease))
	b.clk.AfterFunc(2*time.Second, func() { cancel(InterruptedBy("SIGINT", 2)) })
	r := b.Run(ctx, b.policy, b.job)
	wantReport(t, r, 130, classify.RuleRunCancelled, classify.RunInterrupted, 2)
	if b.clk.Now().Unix() != 2 || len(r.Secondary) == 0 || !strings.Contains(r.Secondary[0], "no lease") {
		t.Errorf("a signal during the backoff: at %d s, beside it %q", b.clk.Now().Unix(), r.Secondary)
	}
}

// TestACancelledContext: a run whose caller cancels its context, without a cause, is of kind run.cancelled, and
// leaves the power as power_after.cancel says.
func TestACancelledContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := newBench(t, nil)
	b.policy.PowerAfter = PowerAfter{Failure: PowerOff, Cancel: PowerOn}
	b.policy.Flash = func(ctx context.Context, s *Session) error {
		b.clk.AfterFunc(time.Second, cancel)
		return b.clk.Sleep(ctx, time.Hour)
	}
	r := b.Run(ctx, b.policy, b.job)
	wantReport(t, r, ExitFatal, classify.RuleRunCancelled, classify.RunCancelled, 1)
	if strings.Join(b.switched, " ") != "on" || r.Error != "the run was cancelled: context canceled" {
		t.Errorf("power %v, error %q; want on, the run was cancelled: context canceled", b.switched, r.Error)
	}
	b = newBench(t, nil)
	r = b.Run(ctx, b.policy, b.job)
	wantReport(t, r, ExitPlan, classify.RuleRunCancelled, classify.RunCancelled, 0)
}

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
		t.Errorf("%v in %s", b.switched, took)
	}
}

func TestPowerAfter(t *testing.T) {
	for state, want := range map[PowerState]string{"": "off", PowerOff: "off", PowerOn: "on", PowerKeep: ""} {
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
	if !strings.Contains(strings.Join(r.Secondary, "\n"), "could not be switched off: the PDU is on fire") {
		t.Errorf("beside it: %q", r.Secondary)
	}
}

// person is a driver that takes its time.
type person struct{ *bench }

func (p person) Timeout() time.Duration { return 5 * time.Minute }
func (p person) Off(ctx context.Context) error {
	p.bench.Off(ctx)
	return p.clk.Sleep(ctx, 4*time.Minute)
}
func (p person) On(ctx context.Context) error { return p.clk.Sleep(ctx, time.Hour) }

func TestAPatientPowerDriver(t *testing.T) {
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
		t.Errorf("took %s: %s; beside it %q", took, r.Error, r.Secondary)
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
	beside := strings.Join(r.Secondary, "\n")
	if len(undone) != 1 || !strings.Contains(beside, "bad: cannot") || !strings.Contains(beside, "panic: panic: oops") || !strings.Contains(beside, "hangs: it did not end within") {
		t.Errorf("undone %v, beside it:\n%s", undone, beside)
	}
}

func TestImageOfTheWeb(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "image") }))
	defer site.Close()
	b := newBench(t, failing(classify.MarkFatal(noLease)))
	b.job.Image = strings.Replace(site.URL, "://", "://me:s3cret@", 1) + "/x.raw?sig=s3cret"
	r, _ := b.run(t)
	wantReport(t, r, ExitFatal, classify.RuleFatal, classify.NetDHCPTimeout, 1)
	if e := b.events[0]; e.Type != EventProgress || e.Step != "download" || e.Done != 5 || e.Total != 5 {
		t.Errorf("the first event is %+v", e)
	}
	if plan := b.events[1].Text; !strings.HasPrefix(plan, site.URL+"/x.raw?…, 5 bytes, sha256 ") || r.Image.Path != site.URL+"/x.raw?…" {
		t.Errorf("plan %s, report %+v", plan, r.Image)
	}
	site.Close() // the server goes
	b.events = nil
	began := b.clk.Now()
	r, _ = b.run(t)
	wantReport(t, r, ExitPlan, classify.RuleRetry, classify.ImageFetch, 0)
	if took := b.clk.Now().Sub(began); took != 15*time.Second || b.events[3].Type != EventNote || !strings.HasSuffix(b.events[3].Text, "again in 8s") {
		t.Errorf("took %s, events %+v", took, b.events)
	}
	b.job.Timeout = 5 * time.Second
	b.events = nil
	r, _ = b.run(t)
	wantReport(t, r, ExitDeadline, classify.RuleRunCancelled, classify.DeadlineTotal, 0)
	for _, e := range b.events {
		if text := fmt.Sprint(e); strings.Contains(text, "s3cret") {
			t.Error(text)
		}
	}
}

func TestPlanRefusals(t *testing.T) {
	for _, tt := range []struct {
		name string
		bend func(b *bench)
		kind classify.Kind
		text string
	}{
		{"image", func(b *bench) { b.job.Image = "/no/such" }, classify.ImageMissing, "/no/such"},
		{"target", func(b *bench) { b.job.Target = "disc" }, classify.Usage, `no target "disc"`},
		{"no targets", func(b *bench) { b.policy.Targets = nil }, classify.ConfigPolicy, "has no targets"},
		{"file", func(b *bench) { b.policy.Files = map[string]File{"kernel": {Path: "/no/Image"}} }, classify.ImageMissing, "kernel file is not on the station"},
		{"port", func(b *bench) { b.OpenPort, b.job.Port = nil, "unix:/no/sock" }, classify.TransportOpen, "unix:/no/sock"},
		{"power", func(b *bench) { b.OpenPower, b.job.Power = nil, "qmp:/no/sock" }, classify.PowerConnect, "qmp:/no/sock"},
		{"listen", func(b *bench) { b.policy.Net.Listen = "203.0.113.1" }, classify.ConfigPlan, "203.0.113.1"},
		{"port specification", func(b *bench) { b.OpenPower = nil; b.Engine.OpenPort = nil; b.job.Power = "none"; b.job.Port = "x" }, classify.Usage, "not a console port"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, failing(nil))
			tt.bend(b)
			r, _ := b.run(t)
			if r.Exit != ExitPlan || r.Kind != string(tt.kind) || !strings.Contains(r.Error, tt.text) {
				t.Errorf("exit %d, kind %s, %q; want 2, %s, %q", r.Exit, r.Kind, r.Error, tt.kind, tt.text)
			}
			if len(b.switched) != 0 || r.Target.State != Untouched || r.Attempt != 0 {
				t.Errorf("power %v, target %s", b.switched, r.Target.State)
			}
		})
	}
}

func TestDryRunTouchesNothing(t *testing.T) {
	b := newBench(t, func(context.Context, *Session) error { t.Error("the policy was asked to flash"); return nil })
	b.job.DryRun, b.job.Port = true, "unix:/no/sock"
	b.OpenPort = func(context.Context, string, transport.Line) (transport.Port, error) {
		t.Error("the port was opened")
		return nil, errors.New("no")
	}
	b.Listen = func(context.Context, string, string) (net.Listener, error) {
		t.Error("a server was started")
		return nil, errors.New("no")
	}
	b.checkErr = errors.New("the PDU was asked")
	r, _ := b.run(t)
	wantReport(t, r, ExitVerified, "", "", 0)
	if r.Result != ResultPlanned || r.Mode != ModeDryRun || r.Target.State != Untouched || len(b.switched) != 0 {
		t.Errorf("%s, mode %s, target %s, power %v", r.Result, r.Mode, r.Target.State, b.switched)
	}
	b.job.Port, b.events = "ttyUSB0", nil
	r, _ = b.run(t)
	wantReport(t, r, ExitPlan, classify.RuleFatal, classify.Usage, 0)
}

func TestVerifyOnly(t *testing.T) {
	var refused error
	b := newBench(t, func(ctx context.Context, s *Session) error {
		if err := s.BeforeCommand(); err != nil { // outside of a step that destroys
			t.Error(err)
		}
		return s.Step(ctx, "wipe", StepOptions{Destroys: true}, func(context.Context) error {
			refused = s.BeforeCommand()
			return refused
		})
	})
	b.job.VerifyOnly = true
	r, _ := b.run(t)
	wantReport(t, r, ExitFatal, classify.RuleFatal, classify.ConfigPolicy, 1)
	if r.Mode != ModeVerify || r.Target.State != Untouched || refused == nil || !strings.Contains(r.Error, "step wipe may destroy") {
		t.Errorf("mode %s, target %s, %v", r.Mode, r.Target.State, r.Err)
	}
	if plan := b.events[0].Text; strings.Contains(plan, "lost") || !strings.Contains(plan, "nothing is written") {
		t.Errorf("plan %q", plan)
	}
}

func TestMismatchIsFinalWhereNothingIsWritten(t *testing.T) {
	mismatch := classify.New(classify.VerifyMismatch, "it differs")
	for _, tt := range []struct {
		only  bool
		err   error
		tries int
		state State
	}{
		{true, mismatch, 1, Untouched},
		{true, classify.New(classify.VerifyRead, "unreadable"), 4, Untouched},
		{false, mismatch, 4, Written},
	} {
		b := newBench(t, func(_ context.Context, s *Session) error {
			s.run.ledger.mark(tt.state)
			return s.fatalIfVerifyOnly(tt.err)
		})
		b.job.VerifyOnly = tt.only
		if r, _ := b.run(t); len(r.Attempts) != tt.tries || r.Target.State != tt.state {
			t.Errorf("verify only %v, %v: %d attempts, target %s; want %d, %s", tt.only, tt.err, len(r.Attempts), r.Target.State, tt.tries, tt.state)
		}
	}
}

// TestASessionEndsWithItsAttempt: who keeps one cannot do anything by it.
func TestASessionEndsWithItsAttempt(t *testing.T) {
	var kept *Session
	b := newBench(t, func(_ context.Context, s *Session) error {
		kept = s
		return errors.New("it failed")
	})
	none := 0
	b.job.Retries = &none
	b.run(t)
	for name, do := range map[string]func() error{
		"Step": func() error {
			return kept.Step(t.Context(), "late", StepOptions{}, func(context.Context) error { t.Error("it ran"); return nil })
		},
		"Touch": kept.BeforeCommand, "PowerOn": func() error { return kept.PowerOn(t.Context()) },
		"UBoot": func() error { _, err := kept.UBoot(t.Context()); return err },
		"Shell": func() error { _, err := kept.Shell(t.Context()); return err },
		"DHCP":  func() error { _, err := kept.DHCP(t.Context(), nil); return err },
		"Load":  func() error { return kept.Load(t.Context(), nil, "kernel") },
		"Boot":  func() error { _, err := kept.Boot(t.Context(), nil, "booti"); return err },
		"Write": func() error { return kept.Write(t.Context(), nil) },
	} {
		if err := do(); err == nil || !strings.Contains(err.Error(), "it belongs to an attempt that is over") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWindows: each file that arrives whole lets the next come in larger windows, and the first that does not ends
// them.
func TestWindows(t *testing.T) {
	lost := errors.New("lost")
	for _, tt := range []struct {
		size  int64
		loads []error
		want  int
	}{
		{1 << 20, nil, 4},
		{1 << 20, []error{nil}, 16},
		{1 << 20, []error{nil, nil, nil}, 16},
		{1 << 16, []error{nil, nil, nil}, 4},
		{1 << 20, []error{lost}, 1},
		{1 << 20, []error{nil, lost, nil, nil}, 1},
	} {
		files := bootFiles{tftp: &serve.TFTP{}}
		for _, err := range tt.loads {
			files.adaptWindow(tt.size, err)
		}
		if got := files.currentWindow(); got != tt.want {
			t.Errorf("after %v of files of %d bytes: %d blocks at once, want %d", tt.loads, tt.size, got, tt.want)
		}
	}
}

// TestProgressIsReportedAtIntervals: every step has its first and its last progress event, and at most ten a
// second between them.
func TestProgressIsReportedAtIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		events := newEmitter(clock.Real{}, console.NewSecrets(), func(e Event) { got = append(got, fmt.Sprint(e.Step, " ", e.Done)) })
		for done := int64(1); done <= 1000; done++ {
			events.progress("write", done, 1000)
			events.progress("unpack", done, 0)
			time.Sleep(time.Millisecond)
		}
		events.progress("write", 1000, 1000) // is reported already
		events.progress("write", 1, 1000)    // begins again
		want := []string{"write 1", "unpack 1"}
		for done := 101; done < 1000; done += 100 {
			want = append(want, fmt.Sprint("write ", done), fmt.Sprint("unpack ", done))
		}
		if want = append(want, "write 1000", "write 1"); !slices.Equal(got, want) {
			t.Errorf("progress events = %q; want %q", got, want)
		}
	})
}
