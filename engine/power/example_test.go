package power_test

import (
	"context"
	"fmt"

	"github.com/flashlua/flashlua/engine/power"
)

// outlet is an outlet of a lab's power strip.
type outlet struct{ name string }

// Check reports whether the strip can be reached.
func (o outlet) Check(context.Context) error { return nil }

// On switches the outlet on.
func (o outlet) On(context.Context) error {
	_, err := fmt.Println(o.name, "on")
	return err
}

// Off switches the outlet off.
func (o outlet) Off(context.Context) error {
	_, err := fmt.Println(o.name, "off")
	return err
}

// Add a power driver. The scheme "strip" then works in engine.Job.Power and in every other place that takes a
// power driver. Programs call Register from an init function.
func ExampleRegister() {
	power.Register("strip", "strip:OUTLET", func(address string) (power.Driver, error) {
		return outlet{address}, nil
	})

	driver, err := power.Open("strip:outlet-3")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(driver.Check(context.Background()), driver.On(context.Background()), driver.Off(context.Background()))
	// Output:
	// outlet-3 on
	// outlet-3 off
	// <nil> <nil> <nil>
}
