package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	_ "github.com/flashlua/flashlua/engine/simulate" // the port "sim:"
	"github.com/flashlua/flashlua/engine/transport"
)

// writeImage writes a small image to a temporary directory.
func writeImage() (path string, remove func()) {
	dir, err := os.MkdirTemp("", "flashlua-example-*")
	if err != nil {
		panic(err)
	}
	path = filepath.Join(dir, "disk.img")
	if err := os.WriteFile(path, []byte("an image\x00"), 0o600); err != nil {
		panic(err)
	}
	return path, func() { os.RemoveAll(dir) }
}

// loadPolicy returns the policy of the built-in simulated board.
func loadPolicy() *engine.Policy {
	policy, err := bindings.Load("sim", bindings.Options{})
	if err != nil {
		panic(err)
	}
	return policy
}

// Flash a board: the job names the image, the console port and the power driver.
func ExampleEngine_Run() {
	image, remove := writeImage()
	defer remove()

	var e engine.Engine
	report := e.Run(context.Background(), loadPolicy(), engine.Job{Image: image, Port: "sim:size=16"})

	fmt.Println(report.Result, report.Target.Device, report.Attempt)
	// Output: verified /dev/vda 1
}

// Print the steps of each attempt. Event describes the order of events.
func ExampleEngine_Run_events() {
	image, remove := writeImage()
	defer remove()

	e := engine.Engine{Events: func(e engine.Event) {
		switch e.Type {
		case engine.EventAttempt:
			fmt.Println("attempt", e.Attempt)
		case engine.EventStepEnd:
			fmt.Println("  step", e.Step)
		}
	}}
	e.Run(context.Background(), loadPolicy(), engine.Job{Image: image, Port: "sim:size=16"})
	// Output:
	// attempt 1
	//   step power
	//   step uboot
	//   step network
	//   step load
	//   step linux
	//   step verify
	//   step write
}

// Cancel a run. The engine still switches the board as the policy's PowerAfter says, and returns a report.
func ExampleEngine_Run_cancel() {
	image, remove := writeImage()
	defer remove()

	ctx, cancel := context.WithCancelCause(context.Background())
	stop := errors.New("the operator pressed stop")
	e := engine.Engine{Events: func(e engine.Event) {
		switch {
		case e.Type == engine.EventStep && e.Step == "linux":
			cancel(stop)
		case e.Type == engine.EventPower:
			fmt.Println("power", e.Text)
		}
	}}
	report := e.Run(ctx, loadPolicy(), engine.Job{Image: image, Port: "sim:size=16"})

	fmt.Println(report.Result, report.Rule, report.Target.State)
	fmt.Println(errors.Is(report.Err, stop))
	// Output:
	// power off
	// failed run-cancelled untouched
	// true
}

// Limit the time of a run. The policy here is written in Go, and waits for an hour of a virtual clock.
func ExampleEngine_Run_timeout() {
	image, remove := writeImage()
	defer remove()

	e := engine.Engine{
		Clock: &clock.Virtual{},
		OpenPort: func(context.Context, string, transport.Line) (transport.Port, error) {
			port, _ := net.Pipe() // a console that prints nothing
			return port, nil
		},
	}
	policy := &engine.Policy{
		Name:    "bench-7",
		Targets: map[string]engine.Target{"disk": {Name: "disk", Path: "/dev/vda"}},
		Flash: func(ctx context.Context, s *engine.Session) error {
			return s.Clock().Sleep(ctx, time.Hour)
		},
	}
	report := e.Run(context.Background(), policy, engine.Job{Image: image, Power: "none", Timeout: 10 * time.Minute})

	fmt.Println(report.Result, report.Kind)
	// Output: failed deadline.total
}

// Flash several boards at the same time. Runs may share an engine; each run needs its own console port and power
// driver.
func ExampleEngine_Run_concurrent() {
	image, remove := writeImage()
	defer remove()

	var e engine.Engine
	policy := loadPolicy()
	ports := []string{"sim:size=16", "sim:size=32"}
	reports := make([]*engine.Report, len(ports))
	var boards sync.WaitGroup
	for i, port := range ports {
		boards.Go(func() {
			reports[i] = e.Run(context.Background(), policy, engine.Job{Image: image, Port: port})
		})
	}
	boards.Wait()

	for _, report := range reports {
		fmt.Println(report.Result)
	}
	// Output:
	// verified
	// verified
}

// Read the cause of a failure from its report.
func ExampleReport() {
	image, remove := writeImage()
	defer remove()

	var e engine.Engine
	report := e.Run(context.Background(), loadPolicy(), engine.Job{Image: image, Port: "sim:size=16", Target: "disc"})

	fmt.Println(report.Result, report.Kind, report.Target.State)
	fmt.Println(report.Error)
	fmt.Println(report.Hint)
	fmt.Println(classify.Find(report.Err, classify.Usage) != nil)
	// Output:
	// failed usage untouched
	// board sim has no target "disc"
	// it has disk, emmc; did you mean disk?
	// true
}

// Write a policy in Go, without Lua.
func ExamplePolicy() {
	image, remove := writeImage()
	defer remove()

	policy := loadPolicy() // for its prompts and addresses
	policy.Flash = func(ctx context.Context, s *engine.Session) error {
		if err := s.PowerCycle(ctx); err != nil {
			return err
		}
		ub, err := s.UBoot(ctx)
		if err != nil {
			return err
		}
		if _, err := s.DHCP(ctx, ub); err != nil {
			return err
		}
		sh, err := s.Boot(ctx, ub, s.Policy().Boot)
		if err != nil {
			return err
		}
		return s.Step(ctx, "write", engine.StepOptions{Destroys: s.Target().Name}, func(ctx context.Context) error {
			return s.Write(ctx, sh)
		})
	}
	var e engine.Engine
	report := e.Run(context.Background(), policy, engine.Job{Image: image, Port: "sim:size=16"})

	fmt.Println(report.Result)
	// Output: verified
}

// Write an image to a medium of the station. Here the medium is a file.
func ExampleEngine_Write() {
	image, remove := writeImage()
	defer remove()

	var e engine.Engine
	report := e.Write(context.Background(), engine.WriteJob{Image: image, To: image + ".copy"})

	fmt.Println(report.Result, report.Target.State)
	// Output: verified verified
}
