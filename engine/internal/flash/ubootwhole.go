package flash

import (
	"context"

	"github.com/flashlua/flashlua/classify"
)

// checkRoom returns an error if the board's RAM has no room for the image in one piece.
func (w *UBootWriter) checkRoom() error {
	if size := w.im.Size(); size > w.board.size {
		return classify.WithHint(classify.New(classify.UBootRAM, "%s is written in one piece, but the board has room for %d bytes of the image's %d", w.Medium.Device, w.board.size, size),
			"set uboot.ram = { address, size } to twice the image's size, if the board has so much RAM, or write by a Linux in RAM")
	}
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
