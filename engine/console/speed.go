package console

import (
	"context"

	"github.com/flashlua/flashlua/classify"
)

// speedSetter is a port whose speed can change. A server that does not tell the speed of its line is none.
type speedSetter interface {
	Speed() int // in baud; 0: this port cannot change it
	SetSpeed(ctx context.Context, baud int) error
}

// Speed returns the speed of the port in baud, 0 if it is not known or cannot change.
func (c *Console) Speed() int {
	if port, ok := c.port.current().(speedSetter); ok {
		return port.Speed()
	}
	return 0
}

// SetSpeed changes the speed of the port until it is opened again. The caller makes sure that the board does the same,
// and that nothing is on the line meanwhile.
func (c *Console) SetSpeed(ctx context.Context, baud int) error {
	port, ok := c.port.current().(speedSetter)
	if !ok || port.Speed() == 0 {
		return classify.New(classify.TransportLine, "the console port cannot change its speed")
	}
	return c.Fail(classify.Wrap(port.SetSpeed(ctx, baud), classify.TransportLine, "the console port cannot change its speed to %d baud", baud))
}
