package bindings_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing/fstest"
	"time"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/simulate"
	"github.com/flashlua/flashlua/engine/transport"
)

// temp writes a temporary file for an example.
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

// Run a policy: load it, and give the engine a job. Here, a simulated board replaces the hardware.
func Example() {
	image, remove := temp("disk.img", "an image\x00")
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
	image, remove := temp("disk.img", "an image\x00")
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

// Load a board's script, and the modules that it requires, from a file system: files that the program embeds, an
// archive.
func ExampleLoad_fs() {
	boards := fstest.MapFS{ // or an embed.FS
		"boards/bench-7.lua": {Data: []byte(`
			local board = require("boards.sim")
			board.name = require("names").bench
			return board`)},
		"boards/names.lua": {Data: []byte(`return { bench = "bench-7" }`)},
	}
	policy, err := bindings.Load("boards/bench-7.lua", bindings.Options{FS: boards})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(policy.Name)
	// Output: bench-7
}

// Load a board's script from a string. Its name stands in messages.
func ExampleLoadText() {
	text := `local board = require("boards.sim") board.uboot = { promt = "bench-7 => " } return board`
	_, err := bindings.LoadText("bench-7.lua", text, bindings.Options{})
	fmt.Println(err)
	policy, err := bindings.LoadText("bench-7.lua", `return require("boards.sim")`, bindings.Options{
		Set: map[string]string{"uboot.prompt": "bench-7 => "}, // as --set on the command line
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q\n", policy.UBoot.Prompts)
	// Output:
	// bench-7.lua:1: uboot.promt is not a policy key; did you mean prompt?
	// ["bench-7 => "]
}

// Run a program, which is a script that returns a function.
func ExampleInspectText() {
	s, err := bindings.InspectText("greet.lua", `return function(args) print("hello, " .. args[1]) end`, bindings.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := engine.Engine{Events: func(e engine.Event) {
		if e.Type == engine.EventNote {
			fmt.Println(e.Text)
		}
	}}
	report := s.Program.Run(context.Background(), e, engine.ProgramJob{}, "bench-7")
	fmt.Println(report.Result)
	// Output:
	// hello, bench-7
	// done
}

// Check a script for mistakes without a board.
func ExampleCheck() {
	findings, err := bindings.Check("soak.lua", bindings.Options{FS: fstest.MapFS{
		"soak.lua": {Data: []byte(`return function(args)
	flash.run("sim", { imgae = args[1], port = "sim:", timeout = 60 })
end`)},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range findings {
		fmt.Println(f)
	}
	// Output:
	// soak.lua:2:21: flash.run has no option imgae; did you mean image? (unknown-option)
	// soak.lua:2:53: option timeout must be a duration with its unit, "90s" or "5m", not a number (bad-duration)
}

// Add a Lua module. Its functions may return structs, errors and durations.
func ExampleModule() {
	type slot struct {
		Name  string        `json:"name"`
		Power []string      `json:"power"`
		Boot  time.Duration `json:"boot"`
	}
	rack := bindings.Module{
		"slot": func(_ context.Context, args []any) ([]any, error) {
			name, ok := args[0].(string)
			if !ok {
				return nil, classify.New(classify.ScriptArgument, "a slot has a name")
			}
			return []any{slot{name, []string{"pdu", "relay"}, 40 * time.Second}, 7}, nil
		},
	}
	program := `return function()
		local slot, position = rack.slot("bench-7")
		print(slot.name .. ": " .. position .. ", " .. slot.power[2] .. ", " .. time.seconds(slot.boot) .. " s")
		local ok, err = pcall(rack.slot, 7)
		print(err.kind .. ": " .. err.message)
	end`
	s, err := bindings.InspectText("rack.lua", program, bindings.Options{Modules: map[string]bindings.Module{"rack": rack}})
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
	// bench-7: 7, relay, 40 s
	// script.argument: a slot has a name
	// done
}

// A module that scripts could not use is refused when the script is loaded.
func ExampleModule_refused() {
	slot := func(context.Context, []any) ([]any, error) { return nil, nil }
	for _, modules := range []map[string]bindings.Module{
		{"flash": {"slot": slot}},
		{"my-rack": {"slot": slot}},
		{"rack": {"slot": nil}},
	} {
		_, err := bindings.Load("sim", bindings.Options{Modules: modules})
		fmt.Println(err)
	}
	// Output:
	// module "flash": the name is taken, scripts find another value by it
	// module "my-rack": the name is not a Lua identifier
	// module "rack": function "slot" is nil
}

// A panic in a module's function, or a result that Lua cannot have, ends the run with an error that names the
// function. The script cannot catch it.
func ExampleModule_bug() {
	rack := bindings.Module{
		"slot":  func(context.Context, []any) ([]any, error) { return []any{"slot 3", make(chan int)}, nil },
		"shelf": func(context.Context, []any) ([]any, error) { panic("no shelf") },
	}
	for _, call := range []string{"rack.slot", "rack.shelf"} {
		s, err := bindings.InspectText("rack.lua", "return function() pcall("+call+") end", bindings.Options{Modules: map[string]bindings.Module{"rack": rack}})
		if err != nil {
			fmt.Println(err)
			return
		}
		report := s.Program.Run(context.Background(), engine.Engine{}, engine.ProgramJob{})
		fmt.Println(report.Error)
		fmt.Println(report.Kind, report.Hint)
	}
	// Output:
	// rack.slot: result 2: a Go value of type chan int has no Lua value
	// internal the function belongs to the program that embeds flashlua; report this to its authors
	// panic in rack.shelf: no shelf
	// internal the function belongs to the program that embeds flashlua; report this to its authors
}

// Add a classification rule to the built-in ones. It has a name of its own in verdicts; a policy can override it.
func Example_rule() {
	image, remove := temp("disk.img", "an image\x00")
	defer remove()
	policy, _ := bindings.Load("sim", bindings.Options{})
	e := engine.Engine{Rules: []classify.NamedRule{{Name: "lab.dhcp", Decide: func(err error) classify.Class {
		if classify.Find(err, classify.NetDHCPTimeout) != nil {
			return classify.Fatal // in this lab a lease comes at once, or never
		}
		return classify.None
	}}}}
	sim, _ := simulate.Attach(&e, policy, "size=16,dhcp=9")
	defer sim.Close()
	report := e.Run(context.Background(), policy, engine.Job{Image: image})
	fmt.Println(report.Class, report.Rule, report.Attempt)
	// Output: fatal lab.dhcp 1
}

// Open consoles in another way. The report has the same error.
func Example_transport() {
	image, remove := temp("disk.img", "an image\x00")
	defer remove()
	policy, _ := bindings.Load("sim", bindings.Options{})
	locked := errors.New("bench-7 is reserved by another job")
	e := engine.Engine{OpenPort: func(_ context.Context, spec string, _ transport.Line) (transport.Port, error) {
		return nil, classify.Wrap(locked, classify.TransportBusy, "cannot open %s", spec)
	}}
	report := e.Run(context.Background(), policy, engine.Job{Image: image, Port: "lab:bench-7", Power: "none"})
	fmt.Println(report.Error, errors.Is(report.Err, locked), report.Exit)
	// Output: cannot open lab:bench-7: bench-7 is reserved by another job true 75
}
