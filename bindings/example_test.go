package bindings_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/simulate"
	"github.com/flashlua/flashlua/engine/transport"
)

// temp makes a file for an example.
func temp(name, text string) (path string, remove func()) {
	dir, err := os.MkdirTemp("", "flashlua-example-*")
	if err != nil {
		panic(err)
	}
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		panic(err)
	}
	return path, func() { os.RemoveAll(dir) }
}

// Run a policy: load it, and give the engine a job. Here a simulated board is in the place of the hardware.
func Example() {
	image, remove := temp("disk.img", "an image")
	defer remove()
	policy, err := bindings.Load("sim", bindings.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var e engine.Engine
	sim, err := simulate.Attach(&e, policy, "size=16")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sim.Close()
	report := e.Run(context.Background(), policy, engine.Job{Image: image})
	fmt.Println(report.Result, report.Target.Name, report.Exit)
	// Output: verified disk 0
}

// Subscribe to what happens. The order of events is documented at engine.Event.
func Example_events() {
	image, remove := temp("disk.img", "an image")
	defer remove()
	policy, _ := bindings.Load("sim", bindings.Options{})
	e := engine.Engine{Events: func(e engine.Event) {
		if e.Type == engine.EventStepEnd && e.Error == "" {
			fmt.Println(e.Step)
		}
	}}
	sim, _ := simulate.Attach(&e, policy, "size=16")
	defer sim.Close()
	e.Run(context.Background(), policy, engine.Job{Image: image})
	// Output:
	// power
	// uboot
	// network
	// load
	// linux
	// verify
	// write
}

// Give scripts a Lua module of one's own.
func ExampleModule() {
	script, remove := temp("rack.lua", `return function() print(rack.slot("bench-7")) end`)
	defer remove()
	s, err := bindings.Inspect(script, bindings.Options{
		Modules: map[string]bindings.Module{"rack": {
			"slot": func(_ context.Context, args []any) ([]any, error) {
				name, ok := args[0].(string)
				if !ok {
					return nil, classify.New(classify.ScriptArgument, "a slot has a name")
				}
				return []any{"slot of " + name}, nil
			},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := engine.Engine{Events: func(e engine.Event) {
		if e.Type == engine.EventNote {
			fmt.Println(e.Text)
		}
	}}
	report := s.Program.Run(context.Background(), e, engine.ProgramJob{})
	fmt.Println(report.Result)
	// Output:
	// slot of bench-7
	// done
}

// Add a rule of one's own before the policy's and the built-in ones.
func Example_rule() {
	image, remove := temp("disk.img", "an image")
	defer remove()
	policy, _ := bindings.Load("sim", bindings.Options{})
	inner := policy.Classify
	policy.Classify = func(ctx context.Context, err error, next func(error) classify.Class) (classify.Class, error) {
		switch {
		case classify.Find(err, classify.NetDHCPTimeout) != nil:
			return classify.Fatal, nil // in this lab a lease comes at once, or never
		case inner != nil:
			return inner(ctx, err, next)
		}
		return next(err), nil
	}
	var e engine.Engine
	sim, _ := simulate.Attach(&e, policy, "size=16,dhcp=9")
	defer sim.Close()
	report := e.Run(context.Background(), policy, engine.Job{Image: image})
	fmt.Println(report.Class, report.Rule, report.Attempt)
	// Output: fatal policy 1
}

// Open consoles in a way of one's own. The error is the same one in the report.
func Example_transport() {
	image, remove := temp("disk.img", "an image")
	defer remove()
	policy, _ := bindings.Load("sim", bindings.Options{})
	locked := errors.New("bench-7 is reserved by somebody else")
	e := engine.Engine{OpenPort: func(_ context.Context, spec string, _ transport.Line) (transport.Port, error) {
		return nil, classify.Wrap(locked, classify.TransportBusy, "cannot open %s", spec)
	}}
	report := e.Run(context.Background(), policy, engine.Job{Image: image, Port: "lab:bench-7", Power: "none"})
	fmt.Println(report.Error, errors.Is(report.Err, locked), report.Exit)
	// Output: cannot open lab:bench-7: bench-7 is reserved by somebody else true 2
}
