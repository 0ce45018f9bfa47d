package flash

import (
	"context"

	"github.com/flashlua/flashlua/classify"
)

// makeRoom makes the buffers large enough for the image in one piece. The error is of kind uboot.ram if the board's RAM
// is too small.
func (w *UBootWriter) makeRoom() error {
	size, b := w.im.Size(), w.board
	if size <= b.size {
		return nil
	}
	larger, err := b.ram.split(roundUp(size, minBuffer))
	if err == nil && larger.size < size {
		err = classify.New(classify.UBootRAM, "%s is written in one piece, but the board has room for %d bytes of the image's %d", w.Medium.Device, larger.size, size)
	}
	if err != nil {
		return classify.WithHint(err, "set uboot.ram = { address, size } to more than 3 times the image's size, if the board has so much RAM, or write by a Linux in RAM")
	}
	b.buffers = larger
	return nil
}

// writeWhole sends the image in one piece, and has the board write it.
func (w *UBootWriter) writeWhole(ctx context.Context, checkRAM bool) error {
	w.done, w.total = 0, w.im.Size()
	return w.writePieces(ctx, [][]ddRun{{{0, w.im.Size(), 1}}}, checkRAM)
}

// wholeGroup returns the image as one group, which is read from the begin of the medium.
func (w *UBootWriter) wholeGroup() []hashGroup {
	return []hashGroup{{ddRun{0, w.im.Size(), 1}, w.im.Ranges()}}
}
