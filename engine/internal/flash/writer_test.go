package flash

import (
	"context"

	"github.com/flashlua/flashlua/classify"
)

var _, _ Writer = &ShellWriter{}, &BlockWriter{}

// repaired verifies, and writes once more what read back wrong.
func repaired(ctx context.Context, w Writer) (Receipt, error) {
	r, err := w.Verify(ctx)
	if classify.Find(err, classify.VerifyMismatch) == nil {
		return r, err
	}
	if err := w.Repair(ctx); err != nil {
		return Receipt{}, err
	}
	return w.Verify(ctx)
}

// throughout writes an image to a target of this machine and verifies it.
func throughout(ctx context.Context, t *BlockDevice, im Image) (Counts, error) {
	w, err := t.NewWriter(im)
	if err != nil {
		return Counts{}, err
	}
	if err = w.Write(ctx); err == nil {
		_, err = repaired(ctx, w)
	}
	c := w.Counts()
	c.Skipped = 0
	return c, err
}
