package simboard

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

// XMODEM with CRC, XMODEM-1K and YMODEM. Source: Forsberg, XMODEM/YMODEM Protocol Reference, 1988; timeouts and
// limits are those of U-Boot, common/xyzModem.c.
const (
	ctrlSOH = 0x01 // a packet of 128 bytes
	ctrlSTX = 0x02 // a packet of 1024 bytes
	ctrlETX = 0x03
	ctrlEOT = 0x04
	ctrlACK = 0x06
	ctrlNAK = 0x15
	ctrlCAN = 0x18
	padding = 0x1a

	keyTimeout   = 2 * time.Second  // between two bytes
	startTimeout = 90 * time.Second // until the first packet
	pauseAfter   = 250 * time.Millisecond
	maxRetries   = 20
	maxCRCTries  = 10 // requests with C; the next ones are for packets with checksums
	cancelCount  = 3
)

// modemError is the end of a transfer, in U-Boot's words.
type modemError string

func (e modemError) Error() string { return string(e) }

var (
	errModemLate     error = modemError("Timed out")
	errModemEnd      error = modemError("End of file")
	errModemCancel   error = modemError("Cancelled")
	errModemFrame    error = modemError("Invalid framing")
	errModemSum      error = modemError("CRC/checksum error")
	errModemSequence error = modemError("Block sequence error")
)

// modem is the receiver of one transfer.
type modem struct {
	u               *bootloader
	ymodem          bool
	opened          bool // the header arrived
	checksum        bool // packets end with a checksum instead of a CRC
	ackDue          bool
	next            byte   // number of the packet that follows
	size, read      uint64 // of the file, of what was read
	soh, stx, can   int    // packets
	retries         int
	number, inverse byte // of the last packet
	data            []byte
}

// receive reads a file and hands each packet's data to store. It returns errBreak or a cause of ctx when the board's
// life ends, and one of the errors above when the transfer fails.
func (m *modem) receive(ctx context.Context, store func([]byte) error) error {
	start := m.u.b.cfg.Clock.Now()
	m.request()
	m.next = 1
	if m.ymodem {
		if err := m.header(ctx, start); err != nil {
			return err
		}
	}
	first := !m.ymodem
	m.opened = true
	for {
		err := m.block(ctx, &first, start)
		if errors.Is(err, errModemEnd) {
			return nil
		}
		if err == nil {
			err = store(m.data)
		}
		if err != nil {
			return err
		}
	}
}

// header reads YMODEM's packet 0, which has the file's name and size.
func (m *modem) header(ctx context.Context, start time.Time) error {
	tries, err := 0, errModemLate
	for m.u.b.cfg.Clock.Now().Sub(start) <= startTimeout {
		if tries++; tries >= maxRetries {
			tries, m.checksum = 0, false
		}
		err = m.packet(ctx)
		switch {
		case err == nil:
			if m.number == 0 {
				_, rest, _ := bytes.Cut(m.data, []byte{0})
				text, _, _ := bytes.Cut(rest, []byte{0})
				length, _, _ := strings.Cut(string(text), " ")
				m.size = uint64(max(number(length, 10), 0))
				m.ackDue = true
			}
			return nil
		case errors.Is(err, errModemLate):
			m.checksum = m.checksum || tries >= maxCRCTries
			if err := m.u.b.cfg.Clock.Sleep(ctx, 2*pauseAfter); err != nil {
				return context.Cause(ctx)
			}
			m.request()
			m.retries++
		case errors.Is(err, errModemCancel), ctx.Err() != nil:
			return err
		}
	}
	return err
}

// block reads the next packet that carries data, errModemEnd after the last one.
func (m *modem) block(ctx context.Context, first *bool, start time.Time) (err error) {
	for tries := 0; tries < maxRetries || *first && errors.Is(err, errModemLate); tries++ {
		if *first && m.u.b.cfg.Clock.Now().Sub(start) > startTimeout {
			return errModemLate
		}
		err = m.packet(ctx)
		if err == nil {
			*first = false
			switch m.number {
			case m.next:
				m.ackDue = true
				m.next++
				m.trim()
				return nil
			case m.next - 1: // the sender did not see the acknowledgement
				m.send(ctrlACK)
				continue
			}
			err = errModemSequence
		}
		switch {
		case errors.Is(err, errModemCancel), ctx.Err() != nil:
			return err
		case errors.Is(err, errModemEnd):
			return m.finish(ctx)
		}
		m.request()
		m.retries++
	}
	return err
}

// finish acknowledges the end of the file. YMODEM ends with an empty header.
func (m *modem) finish(ctx context.Context) error {
	m.send(ctrlACK)
	if m.ymodem {
		m.request()
		m.retries++
		if err := m.packet(ctx); err != nil {
			m.send(ctrlACK)
			return err
		}
		m.send(ctrlACK)
	}
	return errModemEnd
}

// trim cuts the padding of the last packet.
func (m *modem) trim() {
	if m.size == 0 {
		if bytes.HasSuffix(m.data, []byte{padding, padding, padding}) {
			m.data = bytes.TrimRight(m.data, string(rune(padding)))
		}
		return
	}
	if m.read += uint64(len(m.data)); m.read > m.size {
		m.data = m.data[:len(m.data)-int(min(m.read-m.size, uint64(len(m.data))))]
	}
}

// packet reads one packet.
func (m *modem) packet(ctx context.Context) error {
	if m.ackDue {
		m.send(ctrlACK)
		m.ackDue = false
	}
	size, err := m.lead(ctx)
	if err != nil {
		return err
	}
	sum := 2
	if m.checksum {
		sum = 1
	}
	p := make([]byte, 2+size+sum)
	for i := range p {
		if p[i], err = m.key(ctx); err != nil {
			return err
		}
	}
	m.number, m.inverse, m.data = p[0], p[1], p[2:2+size]
	if m.number^m.inverse != 0xff {
		m.drain(ctx)
		return errModemFrame
	}
	if got := p[2+size:]; m.checksum && got[0] != sumOf(m.data) || !m.checksum && binary.BigEndian.Uint16(got) != crc16(m.data) {
		return errModemSum
	}
	return nil
}

// lead reads up to a packet's first byte, and returns the length of its data.
func (m *modem) lead(ctx context.Context) (int, error) {
	for cancels, seen := 0, 1; ; seen++ {
		c, err := m.key(ctx)
		if err != nil {
			if errors.Is(err, errModemLate) {
				m.drain(ctx)
				err = errors.Join(err, m.u.b.cfg.Clock.Sleep(ctx, pauseAfter))
			}
			return 0, err
		}
		switch c {
		case ctrlSOH:
			m.soh++
			return 128, nil
		case ctrlSTX:
			m.stx++
			return 1024, nil
		case ctrlCAN, ctrlETX:
			m.can++
			if cancels++; cancels == cancelCount {
				return 0, errModemCancel
			}
		case ctrlEOT:
			if seen == 1 {
				m.send(ctrlACK)
				return 0, errModemEnd
			}
		}
	}
}

// key reads a byte, or returns errModemLate.
func (m *modem) key(ctx context.Context) (byte, error) {
	wait, cancel := clock.WithTimeout(ctx, m.u.b.cfg.Clock, keyTimeout, errModemLate)
	defer cancel()
	return m.u.tty.Key(wait)
}

// drain discards what comes until the line is quiet.
func (m *modem) drain(ctx context.Context) {
	for {
		if _, err := m.key(ctx); err != nil {
			return
		}
	}
}

// request asks for the next packet.
func (m *modem) request() {
	if m.checksum {
		m.send(ctrlNAK)
	} else {
		m.send('C')
	}
}

func (m *modem) send(c byte) { m.u.tty.Write([]byte{c}) }

// crc16 is the CRC of XMODEM: polynomial 0x1021, from 0.
func crc16(p []byte) (crc uint16) {
	for _, c := range p {
		crc ^= uint16(c) << 8
		for range 8 {
			if high := crc&0x8000 != 0; high {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

func sumOf(p []byte) (sum byte) {
	for _, c := range p {
		sum += c
	}
	return sum
}
