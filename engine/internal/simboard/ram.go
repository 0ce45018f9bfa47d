package simboard

import "fmt"

const (
	pageSize = 64 << 10
	maxPages = 512 << 20 / pageSize // of a board at most
)

// ram is the board's memory. Only pages that were written take memory of the station.
type ram map[uint64]*[pageSize]byte

func (r ram) write(addr uint64, p []byte) error {
	for len(p) > 0 {
		page := r[addr/pageSize]
		if page == nil {
			if len(r) >= maxPages {
				return fmt.Errorf("out of memory")
			}
			page = new([pageSize]byte)
			r[addr/pageSize] = page
		}
		n := copy(page[addr%pageSize:], p)
		addr, p = addr+uint64(n), p[n:]
	}
	return nil
}

func (r ram) read(addr uint64, n int) []byte {
	out := make([]byte, n)
	for rest := out; len(rest) > 0; {
		n := min(len(rest), int(pageSize-addr%pageSize))
		if page := r[addr/pageSize]; page != nil {
			copy(rest[:n], page[addr%pageSize:])
		}
		addr, rest = addr+uint64(n), rest[n:]
	}
	return out
}
