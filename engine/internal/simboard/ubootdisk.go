package simboard

import "bytes"

// fetch is a read by U-Boot.
func (d *disk) fetch(r *ram, addr uint64, off, n int64) error {
	if d.b.faults.trigger(FaultNoRead) {
		return nil
	}
	buf := make([]byte, min(n, pageSize))
	for n > 0 {
		p := buf[:min(n, pageSize-int64(addr%pageSize))]
		if _, err := d.f.ReadAt(p, off); err != nil {
			return err
		}
		err := error(nil)
		if isZero(p) {
			err = r.fill(addr, uint64(len(p)), []byte{0})
		} else {
			err = r.write(addr, p)
		}
		if err != nil {
			return err
		}
		addr, off, n = addr+uint64(len(p)), off+int64(len(p)), n-int64(len(p))
	}
	return nil
}

// store is a write by U-Boot. A board that resets at StageWrite does so in the middle of it.
func (d *disk) store(r *ram, addr uint64, off, n int64) error {
	if dead := d.b.reach(StageWrite); dead != nil {
		if err := d.put(r, addr, off, n/2/sector*sector); err != nil {
			return err
		}
		return dead
	}
	if d.b.faults.trigger(FaultNoWrite) {
		return nil
	}
	if err := d.put(r, addr, off, n); err != nil {
		return err
	}
	wrong := d.bad(off, int(n))
	if wrong < 0 && !r.isZero(addr, uint64(n)) && d.b.faults.trigger(FaultFlip) {
		wrong = d.b.faults.place(FaultFlip, min(n-sector+1, worn))
	}
	if wrong < 0 {
		return nil
	}
	c := r.read(addr+uint64(wrong), 1)[0] ^ 0x10
	_, err := d.f.WriteAt([]byte{c}, off+wrong)
	return err
}

// put writes memory to the file; zeros become holes.
func (d *disk) put(r *ram, addr uint64, off, n int64) error {
	hole := int64(0) // bytes before off that become a hole
	err := r.each(addr, uint64(n), func(p []byte) error {
		if isZero(p) {
			hole += int64(len(p))
			off += int64(len(p))
			return nil
		}
		if err := d.clear(off-hole, hole); err != nil {
			return err
		}
		hole = 0
		_, err := d.f.WriteAt(p, off)
		off += int64(len(p))
		return err
	})
	if err != nil {
		return err
	}
	return d.clear(off-hole, hole)
}

// clear makes a range zeros.
func (d *disk) clear(off, n int64) error {
	if n == 0 || punchHole(d.f, off, n) == nil {
		return nil
	}
	for ; n > 0; off, n = off+pageSize, n-pageSize {
		if _, err := d.f.WriteAt(zeroPage[:min(n, pageSize)], off); err != nil {
			return err
		}
	}
	return nil
}

func isZero(p []byte) bool {
	for ; len(p) > pageSize; p = p[pageSize:] {
		if !bytes.Equal(p[:pageSize], zeroPage[:]) {
			return false
		}
	}
	return bytes.Equal(p, zeroPage[:len(p)])
}

// isZero reports whether a range of memory has zeros only.
func (r *ram) isZero(addr, n uint64) bool {
	return r.each(addr, n, func(p []byte) error {
		if !isZero(p) {
			return errBreak
		}
		return nil
	}) == nil
}
