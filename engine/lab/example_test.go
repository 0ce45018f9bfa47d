package lab_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/lab"
	_ "github.com/flashlua/flashlua/engine/simulate"
)

// Flash several boards, two at a time, the first one alone. The plans of all are checked before, and the image is
// opened once for all of them.
func ExampleFleet_Run() {
	image, remove := writeImage()
	defer remove()
	stations := []lab.Station{
		{Name: "bench-1", Board: "sim", Port: "sim:"},
		{Name: "bench-2", Board: "sim", Port: "sim:"},
		{Name: "bench-3", Board: "sim", Port: "sim:block=9"},
	}
	noRetry := 0
	flashes := make([]engine.Flash, len(stations))
	for i, s := range stations {
		policy, err := bindings.Load(s.Board, bindings.Options{Set: s.Set, Variant: s.Variant})
		job := engine.Job{Image: image, Port: s.Port, Power: s.Power, Retries: &noRetry}
		flashes[i] = engine.Flash{Name: s.Name, Policy: policy, Job: job, Err: err}
	}

	ctx := context.Background()
	e := engine.Engine{Images: &engine.SharedImages{}}
	defer e.Images.Close()
	if err := errors.Join(e.PlanAll(ctx, flashes, e.Images)...); err != nil {
		fmt.Println(err)
		return
	}
	results := lab.Fleet{Parallel: 2, Canary: 1}.Run(ctx, stations, func(ctx context.Context, i int, _ lab.Station) *engine.Report {
		return e.Run(ctx, flashes[i].Policy, flashes[i].Job)
	})

	for _, r := range results {
		fmt.Println(r.Station.Name, r.Report.Result)
	}
	fmt.Println("exit", lab.Exit(results))
	// Output:
	// bench-1 verified
	// bench-2 verified
	// bench-3 failed
	// exit 4
}

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
