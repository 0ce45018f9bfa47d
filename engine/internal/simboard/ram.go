package simboard

import (
	"bytes"
	"errors"
)

const (
	pageSize   = 64 << 10
	defaultRAM = 512 << 20
	ramStart   = 0x40000000
	maxPages   = 512 << 20 / pageSize // of content that is kept
)

var (
	errMemoryFull = errors.New("out of memory")
	errNoMemory   = errors.New("no memory at this address")
)

// page is a piece of memory. A shared one is copied before it changes.
type page struct {
	data   *[pageSize]byte
	shared bool
}

var zeroPage = new([pageSize]byte)

// ram is the board's memory. Only pages with content take memory of the station. The zero value has memory at every
// address.
type ram struct {
	pages map[uint64]page
	size  uint64 // bytes from ramStart on that there are, 0 for all addresses
}

// has reports whether there is memory in a range.
func (r *ram) has(addr, n uint64) bool {
	if r.size == 0 {
		return n <= maxPages*pageSize && addr+n >= addr
	}
	return addr >= ramStart && within(addr-ramStart, n, r.size)
}

// check returns an error if there is no memory in a range.
func (r *ram) check(addr, n uint64) error {
	if !r.has(addr, n) {
		return errNoMemory
	}
	return nil
}

// own returns a page that may change.
func (r *ram) own(number uint64) (*[pageSize]byte, error) {
	p := r.pages[number]
	if p.data != nil && !p.shared {
		return p.data, nil
	}
	if r.pages == nil {
		r.pages = map[uint64]page{}
	}
	if p.data == nil && len(r.pages) >= maxPages {
		return nil, errMemoryFull
	}
	data := new([pageSize]byte)
	if p.data != nil {
		*data = *p.data
	}
	r.pages[number] = page{data: data}
	return data, nil
}

func (r *ram) write(addr uint64, p []byte) error {
	if err := r.check(addr, uint64(len(p))); err != nil {
		return err
	}
	for len(p) > 0 {
		data, err := r.own(addr / pageSize)
		if err != nil {
			return err
		}
		n := copy(data[addr%pageSize:], p)
		addr, p = addr+uint64(n), p[n:]
	}
	return nil
}

func (r *ram) read(addr uint64, n int) []byte {
	out := make([]byte, 0, n)
	r.each(addr, uint64(n), func(p []byte) error {
		out = append(out, p...)
		return nil
	})
	return out
}

// each calls f with the content of a range, piece by piece, until it returns an error. The pieces must not be changed
// nor kept.
func (r *ram) each(addr, n uint64, f func(p []byte) error) error {
	for n > 0 {
		from := addr % pageSize
		part := min(n, pageSize-from)
		data := r.pages[addr/pageSize].data
		if data == nil {
			data = zeroPage
		}
		if err := f(data[from : from+part]); err != nil {
			return err
		}
		addr, n = addr+part, n-part
	}
	return nil
}

// fill repeats a pattern, whose length divides pageSize. Pages of zeros are dropped, other whole pages are one.
func (r *ram) fill(addr, n uint64, pattern []byte) error {
	if err := r.check(addr, n); err != nil {
		return err
	}
	size := uint64(len(pattern))
	phase := (size - addr%size) % size
	whole := page{data: new([pageSize]byte), shared: true}
	copy(whole.data[:], bytes.Repeat(append(bytes.Clone(pattern[phase:]), pattern[:phase]...), int(pageSize/size)))
	zero := bytes.Count(pattern, []byte{0}) == len(pattern)
	for n > 0 {
		from := addr % pageSize
		part := min(n, pageSize-from)
		switch number := addr / pageSize; {
		case part == pageSize && zero:
			delete(r.pages, number)
		case part == pageSize && len(r.pages) < maxPages:
			if r.pages == nil {
				r.pages = map[uint64]page{}
			}
			r.pages[number] = whole
		default:
			data, err := r.own(number)
			if err != nil {
				return err
			}
			copy(data[from:from+part], whole.data[from:])
		}
		addr, n = addr+part, n-part
	}
	return nil
}

// copy moves a range; the two may overlap.
func (r *ram) copy(from, to, n uint64) error {
	if err := errors.Join(r.check(from, n), r.check(to, n)); err != nil {
		return err
	}
	if (from|to)%pageSize != 0 || from < to+n && to < from+n {
		return r.write(to, r.read(from, int(n)))
	}
	for ; n >= pageSize; from, to, n = from+pageSize, to+pageSize, n-pageSize {
		p, ok := r.pages[from/pageSize]
		if !ok {
			delete(r.pages, to/pageSize)
			continue
		}
		p.shared = true
		r.pages[from/pageSize], r.pages[to/pageSize] = p, p
	}
	return r.write(to, r.read(from, int(n)))
}
