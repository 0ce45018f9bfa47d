package fastboot

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// device is a device in fastboot as the protocol describes it, for tests: the real fastboot judges it, too.
type device struct {
	limit  int64             // of a download, bytes
	refuse map[string]string // texts of FAIL, by command

	mu         sync.Mutex        // guards what follows
	partitions map[string][]byte // what was flashed
	commands   []string
	loaded     []byte
	wanted     int64 // bytes of the download under way
}

// handle returns the answers to a message.
func (d *device) handle(p []byte) (answers []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wanted > 0 {
		d.loaded = append(d.loaded, p...)
		if d.wanted -= int64(len(p)); d.wanted > 0 {
			return nil
		}
		return []string{"OKAY"}
	}
	cmd := string(p)
	d.commands = append(d.commands, cmd)
	name, argument, _ := strings.Cut(cmd, ":")
	if text, ok := d.refuse[name]; ok {
		return []string{"FAIL" + text}
	}
	switch name {
	case "getvar":
		return []string{"OKAY" + map[string]string{"max-download-size": fmt.Sprintf("0x%x", d.limit), "version": "0.4"}[argument]}
	case "download":
		n, err := strconv.ParseInt(argument, 16, 64)
		if err != nil || n > d.limit || len(argument) != 8 {
			return []string{"FAILdownload too large"}
		}
		d.loaded, d.wanted = nil, n
		return []string{fmt.Sprintf("DATA%08x", n)}
	case "flash":
		d.partitions[argument] = flashed(d.partitions[argument], d.loaded)
		return []string{"INFOwriting", "OKAY"}
	case "reboot", "continue", "erase", "oem format":
		return []string{"OKAY"}
	}
	return []string{"FAILunrecognized command"}
}

// partition returns what was flashed to a partition.
func (d *device) partition(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.partitions[name]
}

// flashed returns what a partition holds after a download was written to it.
func flashed(old, p []byte) []byte {
	u32 := binary.LittleEndian.Uint32
	if len(p) < sparseHeader || u32(p) != sparseMagic {
		return append([]byte(nil), p...)
	}
	size := int(u32(p[12:])) * int(u32(p[16:]))
	now := append(append([]byte(nil), old...), make([]byte, max(0, size-len(old)))...)
	at := 0
	for p = p[sparseHeader:]; len(p) > 0; {
		kind, n, total := binary.LittleEndian.Uint16(p), int(u32(p[4:]))*block, int(u32(p[8:]))
		switch kind {
		case chunkRaw:
			copy(now[at:at+n], p[chunkHeader:total])
		case chunkFill:
			for i := range n {
				now[at+i] = p[chunkHeader+i%4]
			}
		}
		at, p = at+n, p[total:]
	}
	if at != size {
		panic(fmt.Sprintf("a sparse image of %d bytes has chunks for %d", size, at))
	}
	return now
}

// serveTCP serves connections until the test ends, and returns the address.
func (d *device) serveTCP(t *testing.T) string {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			d.talk(conn)
			conn.Close()
		}
	}()
	return l.Addr().String()
}

func (d *device) talk(conn net.Conn) {
	hello := make([]byte, 4)
	if _, err := io.ReadFull(conn, hello); err != nil || string(hello) != "FB01" {
		return
	}
	io.WriteString(conn, "FB01")
	for {
		var head [8]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		p := make([]byte, binary.BigEndian.Uint64(head[:]))
		if _, err := io.ReadFull(conn, p); err != nil {
			return
		}
		for _, a := range d.handle(p) {
			conn.Write(append(binary.BigEndian.AppendUint64(nil, uint64(len(a))), a...))
		}
	}
}

// serveUDP serves packets until the test ends, and returns the address. lose reports whether the n-th packet is
// lost, of either direction; it may be nil.
func (d *device) serveUDP(t *testing.T, size uint16, lose func(n int) bool) string {
	l, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		var sequence uint16 = 0xfffe // it wraps around
		var last, message []byte     // the last answer; the message that comes in several packets
		var answers []string
		buf, n := make([]byte, 64<<10), 0
		lost := func() bool { n++; return lose != nil && lose(n) }
		for {
			k, from, err := l.ReadFrom(buf)
			if err != nil {
				return
			}
			if k < packetHead || lost() {
				continue
			}
			p := buf[:k]
			answer := append([]byte(nil), p[:packetHead]...)
			answer[1] = 0
			got := binary.BigEndian.Uint16(p[2:])
			switch {
			case p[0] == packetQuery:
				answer = binary.BigEndian.AppendUint16(answer, sequence)
			case got == sequence-1 && last != nil:
				answer = last
			case got != sequence:
				continue
			case p[0] == packetInit:
				answer = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(answer, 1), size)
				sequence++
			case p[0] == packetFastboot && k == packetHead && message == nil && p[1] == 0:
				if len(answers) > 0 {
					answer, answers = append(answer, answers[0]...), answers[1:]
				}
				sequence++
			case p[0] == packetFastboot:
				if message = append(message, p[packetHead:]...); p[1]&continues == 0 {
					answers, message = append(answers, d.handle(message)...), nil
				}
				sequence++
			}
			last = answer
			if !lost() {
				l.WriteTo(answer, from)
			}
		}
	}()
	return l.LocalAddr().String()
}
