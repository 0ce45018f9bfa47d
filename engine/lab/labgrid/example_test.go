package labgrid_test

import (
	"context"
	"errors"
	"log"
	"os"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/lab/labgrid"
)

// A program that embeds flashlua flashes a board at any place with a tag.
func Example() {
	flash := func(ctx context.Context, policy *engine.Policy) (err error) {
		client, err := labgrid.FromEnv(os.Getenv)
		if err != nil {
			return err
		}
		request, err := labgrid.Parse("labgrid:+board=rpi4")
		if err != nil {
			return err
		}
		place, err := client.Acquire(ctx, request)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, place.Release(context.WithoutCancel(ctx))) }()
		running, stop := place.Context(ctx)
		defer stop()
		e := engine.Engine{OpenPort: place.OpenPort, OpenPower: place.OpenPower}
		return e.Run(running, policy, engine.Job{Image: "disk.img", Port: place.Port(), Power: place.Power()}).Err
	}
	if err := flash(context.Background(), new(engine.Policy)); err != nil {
		log.Print(err)
	}
}
