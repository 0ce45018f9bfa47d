package simboard

import (
	"os"
	"sync"
)

// medium is a block device and its file.
type medium struct {
	Medium
	f      *os.File
	size   int64
	part   int  // hardware partition of an eMMC, 0 for the user area
	hidden bool // from Linux
	card   card
}

// disk is a medium in one life of the board.
type disk struct {
	*medium
	b *Board

	mu      sync.Mutex // guards what follows
	written bool
	wrong   int64 // offset of the byte that is kept wrong, -1 for none
}

// worn is the range in which a bad block lies, in bytes: even a small image covers it.
const worn = 64 << 10

func (d *disk) ReadAt(p []byte, off int64) (int, error) { return d.f.ReadAt(p, off) }

// WriteAt implements io.WriterAt. A board that resets at StageWrite does so in the middle of a write.
func (d *disk) WriteAt(p []byte, off int64) (int, error) {
	if dead := d.b.reach(StageWrite); dead != nil {
		n, err := d.f.WriteAt(p[:len(p)/2], off)
		if err == nil {
			err = dead
		}
		return n, err
	}
	at := d.bad(off, len(p))
	if at < 0 && !isZero(p) && d.b.faults.trigger(FaultFlip) { // not of zeros, which may be overwritten by data
		at = d.b.faults.place(FaultFlip, min(int64(len(p))-sector+1, worn))
	}
	if at >= 0 {
		p = append([]byte(nil), p...)
		p[at] ^= 0x10
	}
	return d.f.WriteAt(p, off)
}

// bad returns the place in a write that goes wrong, -1 for none. The first write of a life decides where that is.
func (d *disk) bad(off int64, n int) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.written {
		d.written = true
		if d.b.faults.trigger(FaultBlock) {
			d.wrong = off + d.b.faults.place(FaultBlock, min(int64(n)-sector+1, worn)) // the last sector may be padding
		}
	}
	if at := d.wrong - off; d.wrong >= 0 && at >= 0 && at < int64(n) {
		return at
	}
	return -1
}
