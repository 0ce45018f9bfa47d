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

// recordedOutput is the driver of an output that records its actions in the bench.
type recordedOutput struct {
	b    *bench
	name string
	err  error
}

func (o recordedOutput) Check(context.Context) error { return o.b.checkErr }
func (o recordedOutput) On(context.Context) error    { return o.record("+") }
func (o recordedOutput) Off(context.Context) error   { return o.record("-") }

func (o recordedOutput) record(sign string) error {
	o.b.switched = append(o.b.switched, sign+o.name)
	return o.err
}

// withOutputs connects outputs to the bench. The driver of an output is fake:NAME, that of the board
// another one.
func (b *bench) withOutputs(outputs ...Output) *bench {
	b.policy.Outputs, b.job.Outputs = map[string]Output{}, map[string]string{}
	for _, o := range outputs {
		b.policy.Outputs[o.Name], b.job.Outputs[o.Name] = o, "fake:"+o.Name
	}
	b.OpenPower = func(spec string) (power.Driver, error) {
		if name, ok := strings.CutPrefix(spec, "fake:"); ok {
			return recordedOutput{b, name, nil}, nil
		}
		return b, nil
	}
	return b
}

func TestOutputs(t *testing.T) {
	hold := func(ctx context.Context, s *Session) error {
		return errors.Join(s.Output("strap").On(ctx), s.PowerOn(ctx))
	}
	fatal := func(ctx context.Context, s *Session) error {
		return errors.Join(hold(ctx, s), classify.MarkFatal(noLease))
	}
	for _, tt := range []struct {
		name   string
		flash  func(context.Context, *Session) error
		change func(*bench)
		want   string
	}{
		{name: "a failure", flash: fatal, want: "-strap +strap on off -strap"},
		{name: "the next attempt begins with the output off", flash: func(ctx context.Context, s *Session) error {
			return errors.Join(hold(ctx, s), noLease)
		}, change: func(b *bench) { *b.job.Retries = 1 }, want: "-strap +strap on -strap +strap on off -strap"},
		{name: "an interrupt", flash: func(ctx context.Context, s *Session) error {
			return errors.Join(hold(ctx, s), InterruptedBy("SIGINT", 2))
		}, want: "-strap +strap on off -strap"},
		{name: "a timeout", flash: func(ctx context.Context, s *Session) error {
			return errors.Join(hold(ctx, s), s.Clock().Sleep(ctx, 24*time.Hour))
		}, want: "-strap +strap on off -strap"},
		{name: "a panic", flash: func(ctx context.Context, s *Session) error {
			hold(ctx, s)
			panic("oops")
		}, want: "-strap +strap on off -strap"},
		{name: "a pulse", flash: func(ctx context.Context, s *Session) error {
			return errors.Join(s.Output("strap").Pulse(ctx, time.Second), classify.MarkFatal(noLease))
		}, want: "-strap +strap -strap off"},
		{name: "a pulse that is cut short", flash: func(ctx context.Context, s *Session) error {
			return s.Output("strap").Pulse(ctx, 24*time.Hour)
		}, change: func(b *bench) { keepAfter(b, PowerKeep) }, want: "-strap +strap -strap off"},
		{name: "keep", flash: fatal, change: func(b *bench) { keepAfter(b, PowerKeep) }, want: "-strap +strap on off"},
		{name: "on", flash: failing(classify.MarkFatal(noLease)), change: func(b *bench) { keepAfter(b, PowerOn) }, want: "-strap off +strap"},
		{name: "power keep", flash: fatal, change: func(b *bench) { b.policy.PowerAfter.Failure = PowerKeep }, want: "-strap +strap on -strap"},
		{name: "power on", flash: fatal, change: func(b *bench) { b.policy.PowerAfter.Failure = PowerOn }, want: "-strap +strap on -strap on"},
		{name: "power cycle", flash: fatal, change: func(b *bench) { b.policy.PowerAfter.Failure = PowerCycle }, want: "-strap +strap on off -strap on"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, tt.flash).withOutputs(Output{Name: "strap"})
			b.job.Retries = new(int)
			if tt.change != nil {
				tt.change(b)
			}
			b.run(t)
			if got := strings.Join(b.switched, " "); got != tt.want {
				t.Errorf("switched %q; want %q", got, tt.want)
			}
		})
	}
}

func keepAfter(b *bench, state PowerState) {
	b.policy.Outputs["strap"] = Output{Name: "strap", After: state}
}

// TestOutputsRefused holds that nothing is switched before every output is connected.
func TestOutputsRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*bench)
		want   string
	}{
		{"missing", func(b *bench) { delete(b.job.Outputs, "strap") }, "output strap is not connected: give --output strap=…, held during power-on"},
		{"unknown", func(b *bench) { b.job.Outputs["strpa"] = "fake:x" }, `board fake has no output "strpa": it has strap, usb`},
		{"none declared", func(b *bench) { b.policy.Outputs = nil }, `board fake has no output "strap": it has none`},
		{"no driver", func(b *bench) {
			open := b.OpenPower
			b.OpenPower = func(spec string) (power.Driver, error) {
				if spec == "fake:strap" {
					return nil, nil
				}
				return open(spec)
			}
		}, `output strap: "fake:strap" is no driver that could switch`},
		{"check fails", func(b *bench) { b.checkErr = errors.New("no relay") }, "no relay"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, failing(noLease)).withOutputs(Output{Name: "strap", Help: "held during power-on"}, Output{Name: "usb", Optional: true})
			tt.change(b)
			r, _ := b.run(t)
			if r.Exit != ExitPlan || !strings.Contains(r.Error, tt.want) || len(b.switched) != 0 {
				t.Errorf("run = exit %d, %q, switched %v; want exit 2, %q, nothing", r.Exit, r.Error, b.switched, tt.want)
			}
		})
	}
}

func TestOutputOptional(t *testing.T) {
	b := newBench(t, func(_ context.Context, s *Session) error {
		if s.Output("usb") != nil {
			return errors.New("usb is connected")
		}
		return classify.MarkFatal(noLease)
	}).withOutputs(Output{Name: "usb", Optional: true})
	b.job.Outputs = nil
	if r, _ := b.run(t); r.Kind != string(classify.NetDHCPTimeout) || strings.Join(b.switched, " ") != "off" {
		t.Errorf("run = %v, switched %v; want no lease, off", r.Err, b.switched)
	}
}

// TestOutputFails holds that an output that cannot be switched off is an error, before an attempt and after the run.
func TestOutputFails(t *testing.T) {
	b := newBench(t, failing(noLease)).withOutputs(Output{Name: "strap"})
	open := b.OpenPower
	b.OpenPower = func(spec string) (power.Driver, error) {
		if spec == "fake:strap" {
			return recordedOutput{b, "strap", errors.New("the relay is stuck")}, nil
		}
		return open(spec)
	}
	r, _ := b.run(t)
	if r.Exit != ExitExhausted || r.Step != "outputs" || !strings.Contains(r.Error, "could not switch the output strap off: the relay is stuck") || len(r.Attempts) != 4 {
		t.Errorf("run = exit %d, step %s, %q, %d attempts; want 4, outputs, could not switch the output strap off, 4", r.Exit, r.Step, r.Error, len(r.Attempts))
	}
	if !strings.Contains(strings.Join(r.Secondary, "\n"), "could not switch the output strap off") {
		t.Errorf("secondary = %q; want could not switch the output strap off", r.Secondary)
	}
	var texts []string
	for _, e := range b.events {
		if e.Type == EventOutput {
			texts = append(texts, e.Output+" "+e.Text+": "+e.Error)
		}
	}
	if len(texts) != 5 || texts[4] != "strap off: could not switch the output strap off: the relay is stuck" {
		t.Errorf("output events = %q; want 5, the last with the error", texts)
	}
}
