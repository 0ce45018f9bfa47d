package simboard

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
)

// chip is a flash chip: a write clears bits, an erase of a block sets them all. Its file is made by the first write;
// until then it has its initial content. All methods are of the goroutine that lives.
type chip struct {
	b           *Board
	name        string
	size, erase int64
	initial     func(off, n uint64) []byte
	bad         map[int64]bool // blocks
	f           *os.File
}

// isBad reports whether the block at an offset is bad.
func (c *chip) isBad(off int64) bool { return c.bad[off/c.erase] }

// file returns the chip's file, and makes it if create is set. It is nil if there is none.
func (c *chip) file(create bool) (*os.File, error) {
	if c.f != nil {
		return c.f, nil
	}
	name := c.name + mediumSuffix
	_, missing := os.Lstat(filepath.Join(c.b.cfg.Dir, name))
	if missing != nil && !create {
		return nil, nil
	}
	f, err := openMedium(c.b.cfg.Dir, name, c.b.cfg.Permit)
	if err != nil {
		return nil, err
	}
	if st, serr := f.Stat(); serr == nil && st.Size() < c.size {
		for off := st.Size(); off < c.size && err == nil; off += pageSize {
			_, err = f.WriteAt(c.initial(uint64(off), uint64(min(pageSize, c.size-off))), off)
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	c.f = f
	return f, nil
}

func (c *chip) read(off, n int64) []byte {
	f, err := c.file(false)
	if f == nil || err != nil {
		return c.initial(uint64(off), uint64(n))
	}
	p := make([]byte, n)
	f.ReadAt(p, off)
	return p
}

// program clears the bits that are clear in data. A board that resets at StageWrite does so in the middle of it.
func (c *chip) program(off int64, data []byte) error {
	dead := c.b.reach(StageWrite)
	switch {
	case dead != nil:
		data = data[:len(data)/2]
	case c.b.faults.trigger(FaultNoWrite):
		return nil
	}
	f, err := c.file(true)
	if err != nil {
		return err
	}
	old := c.read(off, int64(len(data)))
	for i, v := range data {
		old[i] &= v
	}
	if len(old) > 0 && dead == nil && c.b.faults.trigger(FaultFlip) {
		old[c.b.faults.place(FaultFlip, int64(len(old)))] ^= 0x10
	}
	if _, err := f.WriteAt(old, off); err != nil {
		return err
	}
	return dead
}

// eraseRange sets all bits of whole blocks.
func (c *chip) eraseRange(off, n int64) error {
	f, err := c.file(true)
	if err != nil {
		return err
	}
	blank := bytes.Repeat([]byte{0xff}, int(c.erase))
	for end := off + n; off < end; off += c.erase {
		if _, err := f.WriteAt(blank, off); err != nil {
			return err
		}
	}
	return nil
}

func (c *chip) close() error {
	if c.f == nil {
		return nil
	}
	return c.f.Close()
}

// erased is the content of an erased chip.
func erased(_, n uint64) []byte { return bytes.Repeat([]byte{0xff}, int(n)) }
