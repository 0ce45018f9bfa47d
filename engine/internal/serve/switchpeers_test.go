package serve

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/engine/clock"
)

// owningBoard returns a switchboard that owns a port, with a server whose token is AAAAAA.
func owningBoard(t testing.TB) *switchboard {
	t.Helper()
	needControl(t)
	address := freePort(t, "127.0.0.1")
	s := &switchboards{}
	_, leave := joined(t, s, address, "AAAAAA")
	t.Cleanup(leave)
	return s.all[address]
}

// dialPeer connects to an owner as another process does, and reads its first message.
func dialPeer(t testing.TB, b *switchboard) net.Conn {
	t.Helper()
	conn, err := dialControl(t.Context(), b.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if m := readMessage(t, conn); !m.Hello {
		t.Fatalf("first message = %+v; want hello", m)
	}
	return conn
}

func readMessage(t testing.TB, conn net.Conn) message {
	t.Helper()
	buf := make([]byte, maxMessage)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	m, err := decode(buf[:n])
	if err != nil {
		t.Fatalf("message %q: %v", buf[:n], err)
	}
	return m
}

// TestSwitchboardBadRegistrations sends an owner registrations that it must refuse; each is answered, and none is kept.
func TestSwitchboardBadRegistrations(t *testing.T) {
	b := owningBoard(t)
	conn := dialPeer(t, b)
	for want, m := range map[string]message{
		"the token is not":             {Token: "A/B"},
		"too many files":               {Token: "BBBBBB", Names: make([]string, maxNames+1)},
		"the name of a file is empty":  {Token: "BBBBBB", Names: []string{""}},
		"or too long":                  {Token: "BBBBBB", Names: []string{strings.Repeat("x", maxName+1)}},
		"address is not an IP address": {Token: "BBBBBB", Address: "board"},
		"is not an IP address":         {Token: "BBBBBB", Address: "::ffff:10.0.0.1"},
	} {
		conn.Write(m.encode())
		if got := readMessage(t, conn); !strings.Contains(got.Refused, want) {
			t.Errorf("answer to %.100v = %+v; want a refusal with %q", m, got, want)
		}
	}
	for i := range maxPeerRoute {
		conn.Write(message{Token: "PEER" + strings.Repeat("X", i%3) + string(rune('A'+i/3%26)) + string(rune('A'+i/78))}.encode())
		if got := readMessage(t, conn); got.Refused != "" {
			t.Fatalf("answer to registration %d = %+v; want no refusal", i, got)
		}
	}
	conn.Write(message{Token: "BBBBBB"}.encode())
	if got := readMessage(t, conn); got.Refused != "it has too many runs" {
		t.Errorf("answer to one registration too many = %+v; want a refusal", got)
	}
	wants(t, b.address, "AAAAAA/Image", contentOf("AAAAAA"))
}

// TestSwitchboardPeerHangsUpAfterNoise sends an owner what is no message: it hangs up, and serves others.
func TestSwitchboardPeerHangsUpAfterNoise(t *testing.T) {
	b := owningBoard(t)
	for _, noise := range []string{"{", "\x00\xff", "[]", `{"token":7}`, strings.Repeat("[", maxMessage/2), strings.Repeat("x", maxMessage+1)} {
		conn := dialPeer(t, b)
		conn.Write([]byte(noise))
		if n, err := conn.Read(make([]byte, 100)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("after %.20q: read = %d bytes, %v; want the end", noise, n, err)
		}
	}
	wants(t, b.address, "AAAAAA/Image", contentOf("AAAAAA"))
}

// TestSwitchboardPeerDoesNotRead forwards more requests to a process than its socket and its queue hold, although it
// reads none: the owner serves others.
func TestSwitchboardPeerDoesNotRead(t *testing.T) {
	b := owningBoard(t)
	silent := dialPeer(t, b)
	silent.Write(message{Token: "BBBBBB"}.encode())
	readMessage(t, silent)
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	to, _ := net.ResolveUDPAddr("udp", b.address)
	request := []byte("\x00\x01BBBBBB/Image\x00octet\x00" + strings.Repeat("x\x00y\x00", 200))
	for range 2000 {
		conn.WriteTo(request, to)
	}
	for range 2000 { // which fills it also from the other side
		if silent.SetWriteDeadline(clock.Real{}.Now()) == nil {
			silent.Write(message{Token: "BBBBBB"}.encode())
		}
	}
	wants(t, b.address, "AAAAAA/Image", contentOf("AAAAAA"))
}

// TestSwitchboardManyPeers connects more often than a user may: the others are closed, and those that are there stay.
func TestSwitchboardManyPeers(t *testing.T) {
	b := owningBoard(t)
	var all []net.Conn
	for range maxPeersUser {
		all = append(all, dialPeer(t, b))
	}
	conn, err := dialControl(t.Context(), b.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n, err := conn.Read(make([]byte, 100)); !errors.Is(err, io.EOF) {
		t.Errorf("read of one connection too many = %d bytes, %v; want EOF", n, err)
	}
	all[0].Write(message{Token: "BBBBBB"}.encode())
	if m := readMessage(t, all[0]); m.Refused != "" {
		t.Errorf("answer to a registration = %+v; want no refusal", m)
	}
}

// TestSwitchboardImpostor finds the control socket of a port in the hands of a process that does not serve the port: it
// is refused, and named.
func TestSwitchboardImpostor(t *testing.T) {
	needControl(t)
	address := freePort(t, "127.0.0.1")
	l, err := listenControl(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var s switchboards
	_, err = s.join(t.Context(), address, tokenServer(t, "AAAAAA"), func(string) {})
	if err == nil || !strings.Contains(err.Error(), "does not serve the port") {
		t.Errorf("join with an impostor = %v; want an error that names it", err)
	}
}

// FuzzSwitchboardPeer sends an owner random messages: it neither panics nor stops to serve.
func FuzzSwitchboardPeer(f *testing.F) {
	for _, m := range []message{{Token: "BBBBBB", Names: []string{"Image"}, Address: "192.0.2.1"}, {Token: "BBBBBB", Gone: true}, {Hello: true}, {Token: "AAAAAA", Client: "x", Packet: []byte{0}}} {
		f.Add(m.encode(), []byte("\x00\x01Image\x00octet\x00"))
	}
	b := owningBoard(f)
	f.Fuzz(func(t *testing.T, sent, packet []byte) {
		near, far := net.Pipe()
		p := newPeer(b, far, peerProcess{user: os.Getuid()})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p.serve(t.Context())
		}()
		go io.Copy(io.Discard, near)
		near.Write(sent)
		client := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}
		if opOf(packet) == opRead {
			if x, _ := b.routes.pick(requestedName(packet), client); x != nil && x.token != "AAAAAA" {
				x.deliver(client, packet)
			}
		}
		near.Close()
		<-ended
		for token := range b.routes.byToken {
			if token != "AAAAAA" {
				t.Errorf("the route %q is left; want it removed", token)
			}
		}
	})
}

// FuzzForwarded delivers random messages of an owner.
func FuzzForwarded(f *testing.F) {
	f.Add(message{Token: "AAAAAA", Client: "127.0.0.1:9", Packet: []byte("\x00\x05")}.encode())
	f.Add(message{Token: "AAAAAA", Note: "x", Refused: "y"}.encode())
	f.Add([]byte("{}"))
	b := owningBoard(f)
	f.Fuzz(func(t *testing.T, sent []byte) {
		if len(sent) > maxMessage || bytes.Contains(sent, []byte("hello")) || bytes.Contains(sent, []byte("client")) && !bytes.Contains(sent, []byte("127.")) {
			return // nothing is sent to other hosts
		}
		near, far := net.Pipe()
		m := &membership{board: b, conn: far}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			m.run(t.Context())
		}()
		near.Write(sent)
		near.Close()
		<-ended
	})
}
