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

// unnegotiated returns a client without requests.
func unnegotiated() *telnet {
	t := newTelnet()
	t.us.options, t.them.options, t.reply = [256]optState{}, [256]optState{}, nil
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
		codec := unnegotiated()
		data := codec.decode([]byte(tt.received))
		if string(data) != tt.data || string(codec.reply) != tt.reply {
			t.Errorf("%s: decode(%q) = %q, replied %q; want %q, %q", tt.name, tt.received, data, codec.reply, tt.data, tt.reply)
		}
		if cap(codec.sub) > 2*maxSub {
			t.Errorf("%s: the subnegotiation has a buffer of %d bytes; want at most %d", tt.name, cap(codec.sub), 2*maxSub)
		}
	}
}

// TestTelnetNegotiationEnds: two ends that both ask first, and accept different options, agree in a few rounds.
func TestTelnetNegotiationEnds(t *testing.T) {
	us, server := newTelnet(), newTelnet()
	server.ask(telWill, optEcho)
	server.ask(telDo, optComPort)
	server.us.agree = nil
	for round := 0; len(us.reply)+len(server.reply) > 0; round++ {
		if round == 3 {
			t.Fatalf("after %d rounds, replies are %x and %x; want none", round, us.reply, server.reply)
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
		{"our BINARY", us.us.options[optBinary], optOn},
		{"the server's BINARY", us.them.options[optBinary], optOn},
		{"the server's ECHO", us.them.options[optEcho], optOn},
		{"our COM-PORT", us.us.options[optComPort], optOff},
		{"our COM-PORT at the server", server.them.options[optComPort], optOff},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %d; want %d", tt.name, tt.got, tt.want)
		}
	}
}

// FuzzTelnet: the result does not depend on how the stream is split; what is encoded decodes to the same; memory
// is bounded.
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
		whole, pieces := listener(), listener()
		want := string(whole.decode(slices.Clone(received)))
		var got []byte
		for piece := range split(received, cuts) {
			got = append(got, pieces.decode(piece)...)
		}
		if string(got) != want || !bytes.Equal(pieces.reply, whole.reply) || !slices.Equal(pieces.subs, whole.subs) {
			t.Fatalf("decode() in pieces = %q, reply %q, subnegotiations %q; want %q, %q, %q", got, pieces.reply, pieces.subs, want, whole.reply, whole.subs)
		}
		if cap(pieces.sub) > 2*maxSub || len(pieces.reply) > len(received) {
			t.Fatalf("decode() of %d bytes has a buffer of %d bytes, replied %d bytes; want at most %d and %d", len(received), cap(pieces.sub), len(pieces.reply), 2*maxSub, len(received))
		}

		for _, binary := range []bool{false, true} {
			peer := listener()
			if binary {
				peer.them.options[optBinary] = optOn
			}
			var sent, arrived []byte
			for piece := range split(received, cuts) {
				sent = encodeTelnet(sent, piece, binary)
			}
			if !bytes.Equal(sent, encodeTelnet(nil, received, binary)) {
				t.Fatalf("encodeTelnet() in pieces, binary %v = %q; want %q", binary, sent, encodeTelnet(nil, received, binary))
			}
			for piece := range split(sent, cuts) {
				arrived = append(arrived, peer.decode(piece)...)
			}
			if !bytes.Equal(arrived, received) || len(peer.reply)+len(peer.subs) > 0 {
				t.Fatalf("decode(encodeTelnet(…)), binary %v = %q; want %q", binary, arrived, received)
			}
		}
	})
}

// recorder is a codec that records its subnegotiations.
type recorder struct {
	*telnet
	subs []string
}

func listener() *recorder {
	r := &recorder{telnet: unnegotiated()}
	r.us.agree = append(r.us.agree, optComPort)
	r.onSub = func(option byte, value []byte) { r.subs = append(r.subs, fmt.Sprintf("%d %x", option, value)) }
	return r
}

// split yields copies of pieces of p, of the lengths that cuts lists in turn.
func split(p, cuts []byte) func(func([]byte) bool) {
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

// script is a console server that a test controls.
type script struct {
	*testing.T
	net.Conn
}

// pipe returns a port that is not open yet, and its server.
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
				if err := negotiateBinary(t.Context(), port); err != nil {
					t.Fatal(err)
				}
				if n, err := io.WriteString(port, "a\r\n\xff\r"); n != 5 || err != nil {
					t.Errorf("Write() = %d, %v; want 5, nil", n, err)
				}
				if got, err := io.ReadAll(port); err != nil || string(got) != "U-Boot SPL\r\n"+tt.received {
					t.Errorf("ReadAll() = %q, %v; want %q", got, err, "U-Boot SPL\r\n"+tt.received)
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
		if err := negotiateBinary(t.Context(), port); err != nil {
			t.Fatal(err)
		}
		_, err := port.Read(make([]byte, 100))
		if err == nil || !strings.Contains(err.Error(), "asks without end") {
			t.Errorf("Read() = %v; want an error about the server that asks without end", err)
		}
		if cap(port.replies) > 2*maxReplies {
			t.Errorf("the replies have a buffer of %d bytes; want at most %d", cap(port.replies), 2*maxReplies)
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
		if err := negotiateBinary(ctx, port); err != enough {
			t.Errorf("negotiateBinary() = %v; want %v", err, enough)
		}
	})
}

// TestTelnetBoardThatTalksMuch: output that comes while the port is opened is not lost, and its buffer is bounded.
func TestTelnetBoardThatTalksMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port, server := pipe(t)
		text := strings.Repeat("0123456789abcdef", 2*maxPreReadBuffer/16)
		go func() {
			server.hears(asksBinary)
			server.says(text)
			server.Close()
		}()
		if err := negotiateBinary(t.Context(), port); err != nil {
			t.Fatal(err)
		}
		if n := len(port.preRead); n > maxPreReadBuffer+writeChunk {
			t.Errorf("negotiateBinary() kept %d bytes; want at most %d", n, maxPreReadBuffer+writeChunk)
		}
		if got, err := io.ReadAll(port); err != nil || string(got) != text {
			t.Errorf("ReadAll() = %d bytes, %v; want the %d bytes of the board", len(got), err, len(text))
		}
	})
}

const (
	asksLine = "\xff\xfa\x2c\x01\x00\x01\xc2\x00\xff\xf0\xff\xfa\x2c\x02\x08\xff\xf0\xff\xfa\x2c\x03\x01\xff\xf0\xff\xfa\x2c\x04\x01\xff\xf0\xff\xfa\x2c\x05\x01\xff\xf0"
	hasBaud  = "\xff\xfa\x2c\x65\x00\x01\xc2\x00\xff\xf0"
	hasRest  = "\xff\xfa\x2c\x66\x08\xff\xf0\xff\xfa\x2c\x67\x01\xff\xf0\xff\xfa\x2c\x68\x01\xff\xf0\xff\xfa\x2c\x69\x01\xff\xf0"
)

// openLine opens a port with the default line, at a server that answers the request for the option and then the
// settings.
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
						t.Errorf("set() = %v; want nil", err)
					}
					return
				}
				f := classify.Facts(err)
				const hint = "telnet:ser1:4001 takes the line as the server has it, tcp:ser1:4001 too if the server does not speak telnet"
				if err == nil || err.Error() != tt.want || f.Kind != tt.kind || f.Hint != hint {
					t.Errorf("set() = %v of kind %s, hint %q; want %s of kind %s", err, f.Kind, f.Hint, tt.want, tt.kind)
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
					t.Fatalf("Write() to a server that has suspended us = %v; want it to wait", <-wrote)
				}
				go ends(server, port)
				if name == "resumed" {
					server.hears("x")
				}
				if err := <-wrote; (err == nil) != (name == "resumed") {
					t.Errorf("Write() of a port that is %s = %v; want an error only if it is closed", name, err)
				}
			})
		})
	}
}
