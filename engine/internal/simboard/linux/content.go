package linux

// chunk is the size of a piece of a file in memory, in bytes.
const chunk = 64 << 10

// content is the bytes of a file in memory. A piece that was never written is a hole, and reads as zeros.
type content struct {
	size   int64
	chunks [][]byte
}

func (c *content) readAt(p []byte, off int64) int {
	if off >= c.size {
		return 0
	}
	p = p[:min(int64(len(p)), c.size-off)]
	for n := 0; n < len(p); {
		at := off + int64(n)
		part := p[n:min(len(p), n+int(chunk-at%chunk))]
		if i := at / chunk; i < int64(len(c.chunks)) && at%chunk < int64(len(c.chunks[i])) {
			clear(part[copy(part, c.chunks[i][at%chunk:]):])
		} else {
			clear(part)
		}
		n += len(part)
	}
	return len(p)
}

// need returns how many more bytes of memory a write of n bytes at off takes.
func (c *content) need(n int, off int64) int64 {
	var need int64
	for at := off; at < off+int64(n); {
		end := min(off+int64(n), (at/chunk+1)*chunk)
		have := 0
		if i := at / chunk; i < int64(len(c.chunks)) {
			have = cap(c.chunks[i])
		}
		need += int64(max(0, room(int((end-1)%chunk)+1)-have))
		at = end
	}
	return need
}

// room returns how many bytes are allocated for n bytes of a piece: it is small for small files, and doubles as
// they grow.
func room(n int) int {
	for size := 512; size < chunk; size *= 2 {
		if n <= size {
			return size
		}
	}
	return chunk
}

// writeAt writes. The caller has checked that there is memory for it, by need.
func (c *content) writeAt(p []byte, off int64) {
	for len(p) > 0 {
		i, at := off/chunk, int(off%chunk)
		n := min(len(p), chunk-at)
		for int64(len(c.chunks)) <= i {
			c.chunks = append(c.chunks, nil)
		}
		b := c.chunks[i]
		if end := at + n; end > len(b) {
			if end > cap(b) {
				grown := make([]byte, len(b), room(end))
				copy(grown, b)
				b = grown
			}
			clear(b[len(b):end])
			b = b[:end]
		}
		copy(b[at:], p[:n])
		c.chunks[i] = b
		p, off = p[n:], off+int64(n)
		c.size = max(c.size, off)
	}
}

// truncate sets the size and returns how many bytes of memory that freed.
func (c *content) truncate(size int64) int64 {
	var freed int64
	for keep := size/chunk + min(size%chunk, 1); int64(len(c.chunks)) > keep; {
		last := len(c.chunks) - 1
		freed += int64(cap(c.chunks[last]))
		c.chunks[last] = nil
		c.chunks = c.chunks[:last]
	}
	if at := size % chunk; at > 0 && size/chunk < int64(len(c.chunks)) {
		if b := c.chunks[size/chunk]; int64(len(b)) > at {
			c.chunks[size/chunk] = b[:at]
		}
	}
	c.size = size
	return freed
}
