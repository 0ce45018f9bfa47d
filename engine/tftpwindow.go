package engine

import (
	"cmp"

	"github.com/flashlua/flashlua/engine/uboot"
)

// tftpWindow is how many blocks the TFTP server may send at once. The zero value is that of a board whose network
// card is not yet known.
type tftpWindow struct {
	configured int // net.tftp_window; 0: it adapts
	adapted    int // blocks that the network card is known to take at once; 0: not yet known
}

// size returns the window of the next load.
func (w *tftpWindow) size() int { return cmp.Or(w.adapted, w.configured, uboot.FirstWindow) }

// fall sets the window to 1: blocks were lost.
func (w *tftpWindow) fall() { w.adapted = 1 }

// arrived triples the window after a file of at least 16 windows that arrived without loss, unless it is
// configured.
func (w *tftpWindow) arrived(size int64) {
	const enough = 16
	if w.configured == 0 && w.adapted != 1 && size >= int64(enough*w.size()*uboot.BlockSize) {
		w.adapted = min(3*w.size(), uboot.GoodWindow)
	}
}
