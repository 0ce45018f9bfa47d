package simulate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/simulate"
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

// Flash a simulated board. A program that imports package simulate can name the port "sim:" with settings after
// it. Here the board resets itself once at the login, and the engine makes a second attempt.
func Example() {
	image, remove := writeImage()
	defer remove()
	policy, err := bindings.Load("sim", bindings.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}

	var e engine.Engine
	report := e.Run(context.Background(), policy, engine.Job{Image: image, Port: "sim:size=16,reset=login"})

	fmt.Println(report.Result, report.Attempt, report.Simulated)
	fmt.Println(report.Attempts[0].Kind)
	// Output:
	// verified 2 true
	// board.reset
}

// Attach a simulated board to an engine, to look at the board afterwards: at the content of its medium, and at the
// faults that occurred.
func ExampleAttach() {
	image, remove := writeImage()
	defer remove()
	policy, err := bindings.Load("sim", bindings.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}

	var e engine.Engine
	board, err := simulate.Attach(&e, policy, "size=16,flip=1")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer board.Close()
	report := e.Run(context.Background(), policy, engine.Job{Image: image})

	content, err := os.ReadFile(board.File("vda"))
	fmt.Println(report.Result, report.Target.Rewritten, err)
	fmt.Printf("%q %v\n", content[:9], board.Fired())
	// Output:
	// verified 1 <nil>
	// "an image\x00" map[flip:1]
}
