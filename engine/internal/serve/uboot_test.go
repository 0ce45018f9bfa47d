package serve

import (
	"encoding/binary"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// ubootClient receives a file as U-Boot does, see its net/tftp.c, through a network card that holds few packets.
type ubootClient struct {
	*end
	window, ring     int
	ignoresDuplicate bool // since 2025: no acknowledgement for a block that it has
}

// load requests the file of onWire and returns what arrived, in bytes, and how long it took. It ends after ten
// seconds without a block, or with an error of the server, which it returns.
func (c *ubootClient) load(block int) (got int, took time.Duration, refused string) {
	began := time.Now()
	c.ask(fmt.Sprintf("blksize\x00%d\x00windowsize\x00%d\x00", block, c.window))
	data, server := c.next()
	if data == nil || data[1] != opOAck {
		return 0, time.Since(began), "no acknowledgement of the options"
	}
	current, nextAck, lastNack := 0, c.window, -1
	c.ack(0, server)
	due := time.Now().Add(time.Second) // a block, unless the acknowledgement is to be repeated; other packets do not count
	for silent := 0; silent < 10; {
		time.Sleep(time.Millisecond) // the packets of a flight arrive together
		for n := len(c.in); n > c.ring; n-- {
			c.dropNewest()
		}
		data := c.until(due)
		switch {
		case data == nil:
			silent++
			c.ack(uint16(current), server)
			due = time.Now().Add(time.Second)
			continue
		case data[1] == opError:
			return got, time.Since(began), string(data[4:])
		case data[1] != opData:
			continue
		}
		switch number := int(binary.BigEndian.Uint16(data[2:])); {
		case number == (current+1)%(1<<16):
			current, silent, due = number, 0, time.Now().Add(time.Second)
			got += len(data) - 4
			if len(data)-4 < block {
				c.ack(uint16(current), server)
				return got, time.Since(began), ""
			}
			if current == nextAck {
				c.ack(uint16(current), server)
				nextAck += c.window
			}
		case number <= current && c.ignoresDuplicate:
		case lastNack != current:
			c.ack(uint16(current), server)
			lastNack, nextAck = current, current+c.window
		}
	}
	return got, time.Since(began), "silence"
}

// until returns the next packet that comes before a time; nil is none.
func (e *end) until(due time.Time) []byte {
	buf := make([]byte, 2000)
	e.SetReadDeadline(due)
	n, _, err := e.ReadFrom(buf)
	if err != nil {
		return nil
	}
	return buf[:n]
}

// dropNewest loses the packet that came last.
func (e *end) dropNewest() {
	var kept []packet
	for len(e.in) > 1 {
		kept = append(kept, <-e.in)
	}
	<-e.in
	for _, p := range kept {
		e.in <- p
	}
}

// TestTFTPSmallNetworkCard loads 10 MB through network cards that hold fewer blocks than a window has. The bursts
// become smaller in the transfer.
func TestTFTPSmallNetworkCard(t *testing.T) {
	for _, window := range []int{1, 4, 16} {
		for _, ring := range []int{3, 4, 64} {
			for _, ignores := range []bool{false, true} {
				onWire(t, func(t *testing.T, w *wire, s *TFTP) {
					c := &ubootClient{w.listen("10.0.0.9", 0), window, ring, ignores}
					got, took, refused := c.load(1468)
					synctest.Wait() // for the last acknowledgement
					if l := s.LastLoad(); got != 10_000_000 || took > 40*time.Second || l.Bytes() != 10_000_000 {
						t.Errorf("window %d, ring %d, ignores duplicates %t: %d bytes in %s, %q, %+v; want the file within 40s",
							window, ring, ignores, got, took, refused, l)
					}
				})
			}
		}
	}
}
