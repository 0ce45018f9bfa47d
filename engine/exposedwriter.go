package engine

import (
	"context"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/flash"
)

// exposedWriter writes a medium that U-Boot exposes. Once U-Boot has taken the medium back, Verify has it exposed
// again.
type exposedWriter struct {
	flash.Writer
	exposure *exposure
	medium   *medium
	device   *flash.BlockDevice // nil: it is closed
}

func (w *exposedWriter) close() {
	w.device.Close()
	w.device = nil
}

// Verify implements flash.Writer.
func (w *exposedWriter) Verify(ctx context.Context) (receipt flash.Receipt, err error) {
	if w.device != nil {
		return w.Writer.Verify(ctx)
	}
	if w.exposure.ub.Live(ctx) != nil {
		return flash.Receipt{}, classify.WithHint(classify.New(classify.FlashUnverified, "commands ran after %s was verified, and U-Boot's prompt has ended: it cannot be read again", w.medium.target),
			"run the commands before ub:ums, or end the flash at the same prompt")
	}
	err = w.exposure.with(ctx, []*medium{w.medium}, func(all []*writing) error {
		receipt, err = all[0].Verify(ctx)
		return err
	})
	return receipt, err
}
