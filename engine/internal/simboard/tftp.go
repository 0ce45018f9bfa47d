package simboard

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

// TFTP, RFC 1350, with the options blksize, timeout and windowsize of RFC 2347 to 2349 and 7440.
const (
	opRead  = 1
	opData  = 3
	opAck   = 4
	opError = 5
	opOAck  = 6

	tftpPort      = 69
	mostErrorText = 512 // bytes of a server's error text
	blocksPerHash = 10
	hashesPerLine = 65
)

// load is one TFTP transfer of U-Boot.
type load struct {
	u       *bootloader
	conn    net.PacketConn
	to      net.Addr
	packets chan reply
	size    int // of a block
	window  int // blocks that come before an answer
	blocks  int
	silent  bool
	short   bool // the load ends early
	damage  bool // the load has a wrong byte
}

type reply struct {
	from net.Addr
	data []byte
}

// tftp loads a file into RAM and returns its size, -1 if it did not come.
func (u *bootloader) tftp(ctx context.Context, server, name string, addr uint64) (int64, error) {
	conn, err := u.b.cfg.Network.ListenPacket(ctx, "udp", ":0")
	if err != nil {
		return -1, nil
	}
	defer conn.Close()
	ip := net.ParseIP(route(server))
	if ip == nil {
		u.printf("*** ERROR: `serverip' not set\n")
		return -1, nil
	}
	l := &load{u: u, conn: conn, to: &net.UDPAddr{IP: ip, Port: u.number("tftpdstp", tftpPort)}, packets: make(chan reply, 1), size: 512, window: 1, silent: u.b.faults.trigger(FaultTFTP)}
	if !l.silent {
		l.short, l.damage = u.b.faults.trigger(FaultShort), u.b.faults.trigger(FaultDamage)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		l.receive(stop)
	}()
	defer func() {
		close(stop)
		conn.Close()
		<-done
	}()
	return l.run(ctx, name, addr)
}

func (l *load) receive(stop chan struct{}) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := l.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		select {
		case l.packets <- reply{from, append([]byte(nil), buf[:n]...)}:
		case <-stop:
			return
		}
	}
}

func (l *load) request(name string) []byte {
	size := l.u.number("tftpblocksize", 1468)
	seconds := max(l.timeout()/time.Second, 1)
	if window := l.u.number("tftpwindowsize", 1); window > 1 {
		return []byte("\x00\x01" + strings.Join([]string{name, "octet", "timeout", strconv.Itoa(int(seconds)), "blksize", strconv.Itoa(size), "windowsize", strconv.Itoa(window), ""}, "\x00"))
	}
	return []byte("\x00\x01" + strings.Join([]string{name, "octet", "timeout", strconv.Itoa(int(seconds)), "blksize", strconv.Itoa(size), ""}, "\x00"))
}

func (l *load) timeout() time.Duration {
	return time.Duration(max(l.u.number("tftptimeout", 5000), 10)) * time.Millisecond
}

// run is the transfer: every answer is acknowledged, what is not answered is sent again. As in U-Boot, the tries
// are those of the whole load.
func (l *load) run(ctx context.Context, name string, addr uint64) (int64, error) {
	out, next, total, tries, inWindow := l.request(name), uint16(1), int64(0), 0, 0
	l.send(out)
	for {
		in, err := l.wait(ctx)
		switch {
		case err != nil:
			return -1, err
		case in == nil:
			l.u.printf("T ")
			if tries++; tries > l.u.number("tftptimeoutcountmax", 10) {
				l.u.printf("\nRetry count exceeded; starting again\n")
				return -1, nil
			}
			l.send(out)
			continue
		}
		switch op := binary.BigEndian.Uint16(in); {
		case op == opError:
			text, _, _ := strings.Cut(string(in[4:min(len(in), 4+mostErrorText)]), "\x00")
			l.u.printf("\nTFTP error: '%s' (%d)\nNot retrying...\n", text, binary.BigEndian.Uint16(in[2:]))
			return -1, nil
		case op == opOAck:
			l.options(in[2:])
			out = ack(0)
		case op == opData && binary.BigEndian.Uint16(in[2:]) == next:
			data := l.spoil(in[4:])
			if err := l.u.ram.write(addr+uint64(total), data); err != nil {
				l.u.printf("\nTFTP error: trying to overwrite reserved memory...\n")
				return -1, nil
			}
			total += int64(len(data))
			out = ack(next)
			next++
			l.hash()
			if len(data) < l.size {
				l.send(out)
				return total, nil
			}
			if inWindow++; inWindow < l.window {
				continue
			}
			inWindow = 0
		default:
			continue
		}
		l.send(out)
	}
}

// spoil applies the faults of a load to its first block. Half a block is the last one of a load.
func (l *load) spoil(data []byte) []byte {
	if l.damage && len(data) > 0 {
		data[l.u.b.faults.place(FaultDamage, int64(len(data)))] ^= 0x10
	}
	l.damage = false
	if l.short {
		data = data[:len(data)/2]
	}
	return data
}

func (l *load) send(p []byte) { l.conn.WriteTo(p, l.to) }

func ack(block uint16) []byte { return binary.BigEndian.AppendUint16([]byte{0, opAck}, block) }

// options applies the options that the server acknowledged.
func (l *load) options(text []byte) {
	words := strings.Split(string(text), "\x00")
	for i := 0; i+1 < len(words); i += 2 {
		if strings.EqualFold(words[i], "blksize") {
			l.size = max(number(words[i+1], 10), 8) // RFC 2348 allows no less
		}
		if strings.EqualFold(words[i], "windowsize") {
			l.window = max(number(words[i+1], 10), 1)
		}
	}
}

// wait returns the next packet of at least a header, nil when time is up.
func (l *load) wait(ctx context.Context) ([]byte, error) {
	late, stop := clock.After(l.u.b.cfg.Clock, l.timeout())
	defer stop()
	for {
		select {
		case in := <-l.packets:
			if l.silent || len(in.data) < 4 {
				continue
			}
			l.to = in.from
			return in.data, nil
		case <-late:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// hash prints the progress.
func (l *load) hash() {
	if l.blocks++; (l.blocks-1)%blocksPerHash != 0 {
		return
	}
	if n := (l.blocks - 1) / blocksPerHash; n > 0 && n%hashesPerLine == 0 {
		l.u.printf("\n\t ")
	}
	l.u.printf("#")
}

// rate formats a speed as U-Boot does.
func rate(n int64, d time.Duration) string {
	perSecond := float64(n) / max(d.Seconds(), 0.001)
	switch {
	case perSecond >= 1<<20:
		return fmt.Sprintf("%.1f MiB/s", perSecond/(1<<20))
	case perSecond >= 1<<10:
		return fmt.Sprintf("%.1f KiB/s", perSecond/(1<<10))
	}
	return fmt.Sprintf("%.0f Bytes/s", perSecond)
}
