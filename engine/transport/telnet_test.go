package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/flashlua/flashlua/classify"
)

// quiet is a client that has asked for nothing.
func quiet() *telnet {
	t := newTelnet()
	t.us.state, t.them.state, t.reply = [256]optState{}, [256]optState{}, nil
	return t
}

func TestTelnetDecode(t *testing.T) {
	for _, tt := range []struct{ name, received, data, reply string }{
		{"plain", "=> \r\n", "=> \r\n", ""},
		{"escaped", "a\xff\xff\xff\xffb", "a\xff\xffb", ""},
		{"bare CR", "1%\r\x002%\r\x00", "1%\r2%\r", ""},
		{"CR of a server that does not pad", "1%\r2%\r\r\n", "1%\r2%\r\r\n", ""},
		{"a NUL of the board", "a\x00\r\x00\x00", "a\x00\r\x00", ""},
		{"a NUL after an escaped byte", "\r\xff\xff\x00", "\r\xff\x00", ""},
		{"a command between CR and NUL", "\r\xff\xf1\x00a", "\ra", ""},
		{"NUL on a binary line", "\xff\xfb\x00\r\x00", "\r\x00", "\xff\xfd\x00"},
		{"NUL when binary ended", "\xff\xfb\x00\xff\xfc\x00\r\x00", "\r", "\xff\xfd\x00\xff\xfe\x00"},
		{"NOP, DM, BRK, IP, AO, AYT, EC, EL, GA", "a\xff\xf1\xff\xf2\xff\xf3\xff\xf4\xff\xf5\xff\xf6\xff\xf7\xff\xf8\xff\xf9b", "ab", ""},
		{"what is no command", "a\xff\x00b\xff\xf0c", "abc", ""},
		{"offers", "\xff\xfb\x01\xff\xfb\x03\xff\xfb\x00", "", "\xff\xfd\x01\xff\xfd\x03\xff\xfd\x00"},
		{"requests", "\xff\xfd\x03\xff\xfd\x00", "", "\xff\xfb\x03\xff\xfb\x00"},
		{"offers that are refused", "\xff\xfb\x18\xff\xfb\x2c", "", "\xff\xfe\x18\xff\xfe\x2c"},
		{"requests that are refused", "\xff\xfd\x01\xff\xfd\x1f\xff\xfd\x2c", "", "\xff\xfc\x01\xff\xfc\x1f\xff\xfc\x2c"},
		{"said again", "\xff\xfb\x01\xff\xfb\x01\xff\xfd\x03\xff\xfd\x03", "", "\xff\xfd\x01\xff\xfb\x03"},
		{"denials of what was off", "\xff\xfc\x01\xff\xfe\x03", "", ""},
		{"taken back", "\xff\xfb\x01\xff\xfc\x01\xff\xfc\x01", "", "\xff\xfd\x01\xff\xfe\x01"},
		{"a subnegotiation", "a\xff\xfa\x18\x01\xff\xf0b", "ab", ""},
		{"an escaped byte in one", "a\xff\xfa\x18\xff\xff\xf0\xff\xf0b", "ab", ""},
		{"one without an end", "a\xff\xfa\x18\x01\xff\xfb\x01b", "ab", "\xff\xfd\x01"},
		{"a long one", "a\xff\xfa\x18" + strings.Repeat("x", 1<<16) + "\xff\xf0b", "ab", ""},
	} {
		codec := quiet()
		data := codec.decode([]byte(tt.received))
		if string(data) != tt.data || string(codec.reply) != tt.reply {
			t.Errorf("%s: decode(%q) = %q, replied %q; want %q, %q", tt.name, tt.received, data, codec.reply, tt.data, tt.reply)
		}
		if cap(codec.sub) > 2*maxSub {
			t.Errorf("%s: %d bytes are kept", tt.name, cap(codec.sub))
		}
	}
}

// TestTelnetEndsTalking lets two ends talk that both ask first and agree on different things.
func TestTelnetEndsTalking(t *testing.T) {
	us, server := newTelnet(), newTelnet()
	server.ask(telWill, optEcho)
	server.ask(telDo, optComPort)
	server.us.agree = nil
	for round := 0; len(us.reply)+len(server.reply) > 0; round++ {
		if round == 3 {
			t.Fatalf("still talking: %x and %x", us.reply, server.reply)
		}
		said, answered := us.reply, server.reply
		us.reply, server.reply = nil, nil
		server.decode(said)
		us.decode(answered)
	}
	for _, tt := range []struct {
		name      string
		got, want optState
	}{
		{"our BINARY", us.us.state[optBinary], optOn},
		{"the server's BINARY", us.them.state[optBinary], optOn},
		{"the server's ECHO", us.them.state[optEcho], optOn},
		{"our COM-PORT", us.us.state[optComPort], optOff},
		{"our COM-PORT at the server", server.them.state[optComPort], optOff},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %d; want %d", tt.name, tt.got, tt.want)
		}
	}
}

// FuzzTelnet: torn anywhere, what is received means the same; what is sent arrives as it was; memory is bounded.
func FuzzTelnet(f *testing.F) {
	for _, received := range []string{
		"", "=> \r\n", "a\xff\xff\xffb", "\r\x00\r\n\r\r\x00\x00", "\xff\xfb\x00\r\x00\xff\xfc\x00\r\x00",
		"\xff\xfb\x03\xff\xfd\x03\xff\xfb\x01\xff\xfe\x01\xff\xfd\x00\xff\xfb\x00\xff\xfd,", // ser2net's greeting
		"\xff\xfd,\xff\xfa,e\x00\x00\xff\xff\x12\xff\xf0x", "\xff\xfa,k\xff\xfb\x01", "\xff\xfa,k\xff\xff\xff", "\r\xff\xf1\x00",
		"\xff\xfd,\xff\xfa," + strings.Repeat("x", maxSub) + "\xff\xf0", "\xff\xfd,\xff\xfa," + strings.Repeat("x", maxSub-1) + "\xff\xf0",
	} {
		f.Add([]byte(received), []byte{1})
		f.Add([]byte(received), []byte{2, 3})
	}
	f.Fuzz(func(t *testing.T, received, cuts []byte) {
		whole, torn := listener(), listener()
		want := string(whole.decode(slices.Clone(received)))
		var got []byte
		for piece := range tear(received, cuts) {
			got = append(got, torn.decode(piece)...)
		}
		if string(got) != want || !bytes.Equal(torn.reply, whole.reply) || !slices.Equal(torn.subs, whole.subs) {
			t.Fatalf("torn: %q, replied %q, told %q; whole: %q, %q, %q", got, torn.reply, torn.subs, want, whole.reply, whole.subs)
		}
		if cap(torn.sub) > 2*maxSub || len(torn.reply) > len(received) {
			t.Fatalf("%d bytes kept, %d replied to %d", cap(torn.sub), len(torn.reply), len(received))
		}

		for _, binary := range []bool{false, true} {
			peer := listener()
			if binary {
				peer.them.state[optBinary] = optOn
			}
			var sent, arrived []byte
			for piece := range tear(received, cuts) {
				sent = encodeTelnet(sent, piece, binary)
			}
			if !bytes.Equal(sent, encodeTelnet(nil, received, binary)) {
				t.Fatalf("binary %v: sent in pieces %q", binary, sent)
			}
			for piece := range tear(sent, cuts) {
				arrived = append(arrived, peer.decode(piece)...)
			}
			if !bytes.Equal(arrived, received) || len(peer.reply)+len(peer.subs) > 0 {
				t.Fatalf("binary %v: %q arrived as %q", binary, received, arrived)
			}
		}
	})
}

// recorder is a codec whose subnegotiations are kept.
type recorder struct {
	*telnet
	subs []string
}

func listener() *recorder {
	r := &recorder{telnet: quiet()}
	r.us.agree = append(r.us.agree, optComPort)
	r.subbed = func(option byte, value []byte) { r.subs = append(r.subs, fmt.Sprintf("%d %x", option, value)) }
	return r
}

// tear gives copies of pieces of p, as long as cuts says in turn.
func tear(p, cuts []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for i := 0; len(p) > 0; i++ {
			n := len(p)
			if len(cuts) > 0 {
				n = min(n, 1+int(cuts[i%len(cuts)]))
			}
			if !yield(slices.Clone(p[:n])) {
				return
			}
			p = p[n:]
		}
	}
}

// script is a console server that does what it is told.
type script struct {
	*testing.T
	net.Conn
}

// pipe gives a port that is not open yet and the server that it talks to.
func pipe(t *testing.T) (*telnetPort, script) {
	ours, theirs := net.Pipe()
	port := newTelnetPort(ours)
	t.Cleanup(func() {
		port.Close()
		theirs.Close()
	})
	return port, script{t, theirs}
}

func (s script) says(text string) {
	s.Helper()
	if _, err := io.WriteString(s, text); err != nil {
		s.Error(err)
	}
}

func (s script) hears(want string) {
	s.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(s, got); err != nil || string(got) != want {
		s.Errorf("the server got %q, %v; want %q", got, err, want)
	}
}

const (
	asksBinary = "\xff\xfb\x00\xff\xfd\x00\xff\xfd\x03"
	hasBinary  = "\xff\xfd\x00\xff\xfb\x00\xff\xfb\x03"
	noBinary   = "\xff\xfe\x00\xff\xfc\x00\xff\xfc\x03"
)

func TestTelnetLine(t *testing.T) {
	for name, tt := range map[string]struct{ answer, sent, received string }{
		"binary":      {hasBinary, "a\r\n\xff\xff\r", "\r\x00"},
		"refused":     {noBinary, "a\r\x00\n\xff\xff\r\x00", "\r"},
		"not a word":  {"", "a\r\x00\n\xff\xff\r\x00", "\r"},
		"asked first": {"\xff\xfb\x03\xff\xfb\x01\xff\xfd\x00\xff\xfb\x00", "\xff\xfd\x01a\r\n\xff\xff\r", "\r\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				port, server := pipe(t)
				go func() {
					server.hears(asksBinary)
					server.says("U-Boot " + tt.answer + "SPL\r\n")
					server.hears(tt.sent)
					server.says("\r\x00\xff\xf1")
					server.Close()
				}()
				if err := greet(t.Context(), port); err != nil {
					t.Fatal(err)
				}
				if n, err := io.WriteString(port, "a\r\n\xff\r"); n != 5 || err != nil {
					t.Errorf("Write = %d, %v", n, err)
				}
				if got, err := io.ReadAll(port); err != nil || string(got) != "U-Boot SPL\r\n"+tt.received {
					t.Errorf("read %q, %v; want %q", got, err, tt.received)
				}
			})
		})
	}
}

func TestTelnetServerThatAsksWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port, server := pipe(t)
		go func() {
			server.hears(asksBinary)
			server.says(hasBinary)
			for err := error(nil); err == nil; {
				_, err = io.WriteString(server, strings.Repeat("\xff\xfb\x18", 1000))
			}
		}()
		if err := greet(t.Context(), port); err != nil {
			t.Fatal(err)
		}
		_, err := port.Read(make([]byte, 100))
		if err == nil || !strings.Contains(err.Error(), "asks without end") {
			t.Errorf("Read = %v", err)
		}
		if cap(port.replies) > 2*maxReplies {
			t.Errorf("%d bytes are kept", cap(port.replies))
		}
	})
}

func TestTelnetOpenIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port, server := pipe(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		go func() {
			server.hears(asksBinary)
			cancel(enough)
		}()
		if err := greet(ctx, port); err != enough {
			t.Errorf("greet = %v", err)
		}
	})
}

// TestTelnetBoardThatTalksMuch: what it says while the port is opened is not lost, and not kept without bound.
func TestTelnetBoardThatTalksMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port, server := pipe(t)
		text := strings.Repeat("0123456789abcdef", 2*maxPreReadBuffer/16)
		go func() {
			server.hears(asksBinary)
			server.says(text)
			server.Close()
		}()
		if err := greet(t.Context(), port); err != nil {
			t.Fatal(err)
		}
		if n := len(port.preRead); n > maxPreReadBuffer+writeChunk {
			t.Errorf("%d bytes are kept", n)
		}
		if got, err := io.ReadAll(port); err != nil || string(got) != text {
			t.Errorf("of %d bytes came %d, %v", len(text), len(got), err)
		}
	})
}

const (
	asksLine = "\xff\xfa\x2c\x01\x00\x01\xc2\x00\xff\xf0\xff\xfa\x2c\x02\x08\xff\xf0\xff\xfa\x2c\x03\x01\xff\xf0\xff\xfa\x2c\x04\x01\xff\xf0\xff\xfa\x2c\x05\x01\xff\xf0"
	hasBaud  = "\xff\xfa\x2c\x65\x00\x01\xc2\x00\xff\xf0"
	hasRest  = "\xff\xfa\x2c\x66\x08\xff\xf0\xff\xfa\x2c\x67\x01\xff\xf0\xff\xfa\x2c\x68\x01\xff\xf0\xff\xfa\x2c\x69\x01\xff\xf0"
)

// openLine opens a port with the line that boards have, at a server that answers to the option and then to the line.
func openLine(t *testing.T, port *telnetPort, server script, answers ...string) error {
	mode, err := Line{}.mode()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		server.hears(asksBinary + "\xff\xfb\x2c")
		server.says(hasBinary)
		for i, answer := range answers {
			server.says(answer)
			if i == 0 && strings.HasPrefix(answer, "\xff\xfd\x2c") {
				server.hears(asksLine)
			}
		}
	}()
	return (&remoteLine{port: port, address: "ser1:4001", settings: lineSettings(mode, "")}).set(t.Context())
}

func TestRFC2217Answers(t *testing.T) {
	const agrees = "\xff\xfd\x2c"
	for name, tt := range map[string]struct {
		answers []string
		kind    classify.Kind
		want    string
	}{
		"as asked":              {[]string{agrees, hasBaud + hasRest}, "", ""},
		"as the divisor allows": {[]string{agrees, "\xff\xfa\x2c\x65\x00\x01\xc4\x00\xff\xf0" + hasRest}, "", ""},
		"states between":        {[]string{agrees, hasBaud + "\xff\xfa\x2c\x6b\xb0\xff\xf0\xff\xfa\x2c\x6a\x60\xff\xf0\xff\xfa\x2c\x69\x08\xff\xf0" + hasRest}, "", ""},
		"as it was first":       {[]string{agrees, "\xff\xfa\x2c\x65\x00\x00\x25\x80\xff\xf0" + hasBaud + hasRest}, "", ""},
		"as all was first":      {[]string{agrees + "\xff\xfa\x2c\x65\x00\x00\x25\x80\xff\xf0" + hasRest, hasBaud + hasRest}, "", ""},
		"an empty one":          {[]string{agrees, "\xff\xfa\x2c\xff\xf0\xff\xfa\x2c\x65\xff\xf0" + hasBaud + hasRest}, "", ""},
		"no option":             {[]string{"\xff\xfe\x2c"}, classify.TransportLine, "the server at ser1:4001 refuses RFC 2217's COM-PORT option"},
		"no answer":             {nil, classify.TransportOpen, "the server at ser1:4001 does not answer to RFC 2217's COM-PORT option"},
		"another speed": {
			[]string{agrees, "\xff\xfa\x2c\x65\x00\x00\x25\x80\xff\xf0" + hasRest},
			classify.TransportLine, "the server at ser1:4001 refuses baud 115200, it has 9600",
		},
		"no speed": {[]string{agrees, hasRest}, classify.TransportOpen, "the server at ser1:4001 does not answer to baud 115200"},
		"another parity": {
			[]string{agrees, hasBaud + strings.Replace(hasRest, "\x67\x01", "\x67\x03", 1)},
			classify.TransportLine, "the server at ser1:4001 refuses parity none, it has even",
		},
		"another flow control": {
			[]string{agrees, hasBaud + strings.Replace(hasRest, "\x69\x01", "\x69\x03", 1)},
			classify.TransportLine, "the server at ser1:4001 refuses flow control none, it has rtscts",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				port, server := pipe(t)
				err := openLine(t, port, server, tt.answers...)
				if tt.want == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				f := classify.Facts(err)
				const hint = "telnet:ser1:4001 takes the line as the server has it, tcp:ser1:4001 too if the server does not speak telnet"
				if err == nil || err.Error() != tt.want || f.Kind != tt.kind || f.Hint != hint {
					t.Errorf("set = %v of kind %s, hint %q; want %s of kind %s", err, f.Kind, f.Hint, tt.want, tt.kind)
				}
			})
		})
	}
}

func TestRFC2217Suspends(t *testing.T) {
	const suspend, resume, state = "\xff\xfa\x2c\x6c\xff\xf0", "\xff\xfa\x2c\x6d\xff\xf0", "\xff\xfa\x2c\x6b\x00\xff\xf0"
	for name, ends := range map[string]func(script, *telnetPort){
		"resumed": func(server script, port *telnetPort) { server.says(resume + resume + "go") },
		"closed":  func(_ script, port *telnetPort) { port.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				port, server := pipe(t)
				if err := openLine(t, port, server, "\xff\xfd\x2c", hasBaud+hasRest); err != nil {
					t.Fatal(err)
				}
				go server.says(suspend + suspend + state + "stop")
				if _, err := io.ReadFull(port, make([]byte, 4)); err != nil {
					t.Fatal(err)
				}
				wrote := make(chan error, 1)
				go func() { _, err := io.WriteString(port, "x"); wrote <- err }()
				go io.Copy(io.Discard, port)
				synctest.Wait()
				if len(wrote) > 0 {
					t.Fatalf("written to a server that has no room: %v", <-wrote)
				}
				go ends(server, port)
				if name == "resumed" {
					server.hears("x")
				}
				if err := <-wrote; (err == nil) != (name == "resumed") {
					t.Errorf("Write = %v", err)
				}
			})
		})
	}
}
