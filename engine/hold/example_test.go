package hold_test

import (
	"context"
	"fmt"
	"os"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/hold"
)

// Two jobs on one machine do not use one board at the same time. Set Request.Wait in a function of your own to wait.
func ExampleLocks_Hold() {
	dir, err := os.MkdirTemp("", "locks") // in earnest hold.Folder(os.Getenv), which all jobs share
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	e := engine.Engine{Hold: hold.Locks{Dir: dir}.Hold}

	ctx, bench := context.Background(), []string{hold.StationName("bench-7")}
	release, err := e.Hold(ctx, bench, hold.Request{Command: "the first job"})
	fmt.Println("first:", err)
	_, err = e.Hold(ctx, bench, hold.Request{Command: "the second job"})
	fmt.Println("second:", classify.Facts(err).Kind)
	release()
	// Output:
	// first: <nil>
	// second: station.held
}
