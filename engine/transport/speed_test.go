package transport

import (
	"context"
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
)

// TestSetSpeed changes the speed of an open port, keeps its other settings, and passes bytes after it.
func TestSetSpeed(t *testing.T) {
	check := func(t *testing.T, p Port, speed func() *unix.Termios) {
		go io.Copy(io.Discard, p) // a console reads all the time; the answers of a server come through Read
		s := p.(SpeedSetter)
		if got := s.Speed(); got != 9600 {
			t.Errorf("Speed() = %d; want 9600", got)
		}
		for _, baud := range []int{921600, 1_234_567, 9600} {
			if err := s.SetSpeed(t.Context(), baud); err != nil {
				t.Fatalf("SetSpeed(%d) = %v; want nil", baud, err)
			}
			m := speed()
			if s.Speed() != baud || int(m.Ospeed) != baud || m.Cflag&unix.CSTOPB == 0 || m.Iflag&unix.IXON == 0 {
				t.Errorf("after SetSpeed(%d), Speed() = %d, the line has %d, cflag %o, iflag %o; want the speed, and CSTOPB and IXON as before", baud, s.Speed(), m.Ospeed, m.Cflag, m.Iflag)
			}
		}
	}
	line := Line{Baud: 9600, Framing: "8N2", Flow: "xonxoff"}
	t.Run("serial", func(t *testing.T) {
		pty, name := newTTY(t)
		p, err := Open(t.Context(), "serial:"+name, line)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		check(t, p, func() *unix.Termios { return settings(t, pty) })
	})
	t.Run("rfc2217", func(t *testing.T) {
		s := ser2net(t, "telnet(rfc2217),")
		p := s.open(t, "rfc2217", line)
		defer p.Close()
		check(t, p, func() *unix.Termios { return settings(t, s.pty) })
	})
}

// TestSetSpeedRefused covers ports without a speed, and a server that does not change it.
func TestSetSpeedRefused(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	plain := &lockedPort{Port: a}
	if plain.Speed() != 0 || plain.SetSpeed(t.Context(), 9600) == nil {
		t.Errorf("Speed() of a stream = %d; want 0, and an error of SetSpeed", plain.Speed())
	}
	port := newTelnetPort(a)
	if port.Speed() != 0 {
		t.Errorf("Speed() of plain telnet = %d; want 0", port.Speed())
	}
	port.line = &remoteLine{port: port, address: "lab:2001"}
	port.line.speed.baud = 115200
	go io.Copy(io.Discard, b)
	answer := func(baud ...byte) {
		for { // until a change is in progress
			port.line.speed.mu.Lock()
			begun := port.line.speed.answer != nil
			port.line.speed.mu.Unlock()
			if begun {
				port.line.speed.onAnswer(baud)
				return
			}
		}
	}
	go answer(0, 0, 0x25, 0x80)
	if err := port.SetSpeed(t.Context(), 921600); classify.Facts(err).Kind != classify.TransportLine || port.Speed() != 115200 {
		t.Errorf("SetSpeed() of a server with another speed = %v, Speed() = %d; want transport.line and the speed of before", err, port.Speed())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := port.SetSpeed(ctx, 921600); err == nil {
		t.Error("SetSpeed() that is cancelled = nil; want an error")
	}
	port.Close()
	if err := port.SetSpeed(t.Context(), 921600); err == nil {
		t.Error("SetSpeed() of a closed port = nil; want an error")
	}
}
