package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine/power"
)

// Output is something next to the board that the station switches: a strap, a relay, a button, an SD multiplexer.
// Plain data: safe for concurrent use while nothing changes it.
type Output struct {
	Name     string
	Optional bool       // a run does not need it
	After    PowerState // of the output after the run, one of OutputAfterStates; "" is off
	Help     string     // one line, for people
}

// OutputAfterStates are the values of Output.After.
var OutputAfterStates = []PowerState{PowerOff, PowerOn, PowerKeep}

// outputSwitch is an output that is connected.
type outputSwitch struct {
	driverControl
	Output
	last PowerState // that it was switched to; "" is not known
}

// outputs are the outputs of a run that are connected, sorted by name. Safe for concurrent use once they are
// resolved: an action that was abandoned may still go on.
type outputs struct {
	all    []*outputSwitch
	events *emitter

	mu   sync.Mutex // guards used, and last of each output
	used bool       // the run may have switched them
}

// resolveOutputs opens the drivers of the outputs. The error names every output that is unknown, wrong or missing.
func (r *boardRun) resolveOutputs() error {
	r.outputs.events = r.events
	var all []error
	for _, name := range slices.Sorted(maps.Keys(r.job.Outputs)) {
		if _, ok := r.policy.Outputs[name]; !ok {
			all = append(all, unknownConnection("output", name, r.policy.Name, slices.Sorted(maps.Keys(r.policy.Outputs))))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.policy.Outputs)) {
		o := r.policy.Outputs[name]
		spec, given := r.job.Outputs[name]
		if !given && !r.Simulated {
			if !o.Optional {
				all = append(all, missingConnection("output", name, o.Help, power.Examples()[1:]))
			}
			continue
		}
		var d power.Driver = simulatedOutput{}
		if given {
			var err error
			if d, err = r.openOutput(name, spec); err != nil {
				all = append(all, err)
				continue
			}
		}
		r.outputs.all = append(r.outputs.all, &outputSwitch{
			driverControl: driverControl{driver: d, name: "the output " + name, clock: r.Clock, turns: newPowerTurns()}, Output: o,
		})
	}
	return errors.Join(all...)
}

// openOutput opens the driver of an output.
func (r *boardRun) openOutput(name, spec string) (power.Driver, error) {
	open := r.OpenPower
	if r.Simulated { // that is the simulated board's
		open = power.Open
	}
	d, err := open(spec)
	switch {
	case err != nil:
		f := classify.Facts(err)
		return nil, classify.WithHint(classify.New(f.Kind, "output %s: %v", name, err), "%s", f.Hint)
	case d == nil:
		return nil, classify.WithHint(classify.New(classify.Usage, "output %s: %q is no driver that could switch", name, spec),
			"use one of %s", strings.Join(power.Examples()[1:], ", "))
	}
	if n, ok := d.(power.Nameable); ok {
		d = n.Named(name)
	}
	return d, nil
}

// unknownConnection is the error of an output or a console that the operator connects and the policy does not have.
func unknownConnection(what, name, board string, known []string) error {
	if len(known) == 0 {
		return classify.WithHint(classify.New(classify.Usage, "board %s has no %s %q: it has none", board, what, name),
			"a policy declares them: %ss = { %s = {} }", what, name)
	}
	return classify.New(classify.Usage, "board %s has no %s %q: it has %s", board, what, name, knownNames(name, known))
}

// knownNames returns all names, and the one that a mistyped one was meant to be.
func knownNames(mistyped string, known []string) string {
	return strings.Join(known, ", ") + suggest.Nearest(mistyped, known)
}

// missingConnection is the error of an output or a console that is not connected.
func missingConnection(what, name, help string, examples []string) error {
	text := fmt.Sprintf("%s %s is not connected: give --%[1]s %[2]s=…", what, name)
	if help != "" {
		text += ", " + help
	}
	return classify.WithHint(classify.New(classify.Usage, "%s", text), "it is one of %s", strings.Join(examples, ", "))
}

// check asks each driver whether it could switch.
func (o *outputs) check(ctx context.Context) error {
	var all []error
	for _, x := range o.all {
		all = append(all, classify.Wrap(x.driverControl.check(ctx), "", "output %s", x.Name))
	}
	return errors.Join(all...)
}

// find returns the output of a name, nil if it is not connected.
func (o *outputs) find(name string) *outputSwitch {
	i := slices.IndexFunc(o.all, func(x *outputSwitch) bool { return x.Name == name })
	if i < 0 {
		return nil
	}
	return o.all[i]
}

// switchTo switches an output, also if it is in that state already.
func (o *outputs) switchTo(ctx context.Context, x *outputSwitch, state PowerState) error {
	o.mu.Lock()
	o.used, x.last = true, ""
	o.mu.Unlock()
	err := classify.Wrap(x.driverControl.switchTo(ctx, state), "", "could not switch the output %s %s", x.Name, state)
	e := Event{Type: EventOutput, Output: x.Name, Text: string(state)}
	if err == nil {
		o.mu.Lock()
		x.last = state
		o.mu.Unlock()
	} else {
		e.Error = err.Error()
	}
	o.events.emit(e)
	return err
}

// is reports whether an output is known to be in a state.
func (o *outputs) is(x *outputSwitch, state PowerState) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return x.last == state
}

// allOff reports whether every output is known to be off.
func (o *outputs) allOff() bool {
	return !slices.ContainsFunc(o.all, func(x *outputSwitch) bool { return !o.is(x, PowerOff) })
}

// reset switches off the outputs that are not known to be off.
func (o *outputs) reset(ctx context.Context) error {
	for _, x := range o.all {
		if o.is(x, PowerOff) {
			continue
		}
		if err := o.switchTo(ctx, x, PowerOff); err != nil {
			return err
		}
	}
	return nil
}

// applyAfter leaves each output in its state for the end of the run, if the run used them.
func (o *outputs) applyAfter(ctx context.Context) error {
	o.mu.Lock()
	used := o.used
	o.mu.Unlock()
	if !used {
		return nil
	}
	var err error
	for _, x := range o.all {
		want := x.After
		if want != PowerOn && want != PowerKeep {
			want = PowerOff
		}
		switch {
		case want == PowerKeep:
			o.events.emit(Event{Type: EventOutput, Output: x.Name, Text: "left as it is"})
		case !o.is(x, want):
			err = withSecondary(err, o.switchTo(ctx, x, want))
		}
	}
	return err
}

// timeAfter bounds applyAfter.
func (o *outputs) timeAfter() (d time.Duration) {
	for _, x := range o.all {
		if x.After != PowerKeep {
			d += x.timeout()
		}
	}
	return d
}

// describe returns the outputs for the plan, "" if there are none.
func (o *outputs) describe() string {
	var all []string
	for _, x := range o.all {
		after := ""
		if x.After == PowerOn || x.After == PowerKeep {
			after = fmt.Sprintf(" (%s after the run)", x.After)
		}
		all = append(all, x.Name+after)
	}
	if len(all) == 0 {
		return ""
	}
	return "outputs, off before each attempt and after the run: " + strings.Join(all, ", ")
}

// simulatedOutput is an output of a simulated board that is connected to nothing.
type simulatedOutput struct{}

func (simulatedOutput) Check(context.Context) error { return nil }
func (simulatedOutput) On(context.Context) error    { return nil }
func (simulatedOutput) Off(context.Context) error   { return nil }
