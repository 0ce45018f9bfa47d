package transport

import (
	"errors"
	"io"
	"net"
	"testing"
)

func TestBreakOfTelnet(t *testing.T) {
	ours, server := net.Pipe()
	defer server.Close()
	p := &lockedPort{newTelnetPort(ours), &lock{}}
	done := make(chan error, 1)
	go func() { done <- p.Break(t.Context()) }()
	got := make([]byte, 2)
	if _, err := io.ReadFull(server, got); err != nil || got[0] != 255 || got[1] != 243 {
		t.Errorf("Break sends % x, %v; want ff f3", got, err)
	}
	if err := <-done; err != nil {
		t.Errorf("Break() = %v; want nil", err)
	}
}

func TestBreakOfASerialPort(t *testing.T) {
	_, name := newTTY(t)
	p, err := Open(t.Context(), "serial:"+name, Line{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.(Breaker).Break(t.Context()); err != nil {
		t.Errorf("Break() = %v; want nil", err)
	}
}

func TestBreakOfAPortWithoutOne(t *testing.T) {
	ours, server := net.Pipe()
	defer server.Close()
	if err := (&lockedPort{ours, &lock{}}).Break(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Break() = %v; want %v", err, errors.ErrUnsupported)
	}
}
