package console

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// adapter is a USB adapter that can be pulled out and plugged in again.
type adapter struct {
	t    *testing.T
	port atomic.Pointer[net.Conn] // the console's end; nil while it is pulled out
}

// plugIn returns the board's end.
func (p *adapter) plugIn() (board net.Conn) {
	board, port := net.Pipe()
	p.port.Store(&port)
	p.t.Cleanup(func() { board.Close(); port.Close() })
	return board
}

func (p *adapter) pullOut(board net.Conn) {
	p.port.Store(nil)
	board.Close()
}

var errNoDevice = errors.New("open /dev/ttyUSB0: no such device")

func (p *adapter) open(context.Context) (io.ReadWriteCloser, error) {
	if port := p.port.Load(); port != nil {
		return *port, nil
	}
	return nil, errNoDevice
}

// newAdapter returns a Console that waits 10 s for its adapter, the adapter, the board's end, and the transcript.
func newAdapter(t *testing.T) (*Console, *adapter, net.Conn, *strings.Builder) {
	p, record := &adapter{t: t}, &strings.Builder{}
	board := p.plugIn()
	c := New(*p.port.Load(), Config{Reopen: Reopen{p.open, 10 * time.Second}, Recorder: NewTranscript(record)})
	t.Cleanup(func() { c.Close() })
	return c, p, board, record
}

// TestAdapterComesBack: a wait survives the loss of the port, and the transcript has the gap.
func TestAdapterComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, board, record := newAdapter(t)
		go func() {
			say(board, 9, "before\r\n")
			p.pullOut(board)
			time.Sleep(3*time.Second + reopenInterval/2) // virtual
			board = p.plugIn()
			time.Sleep(time.Second)
			say(board, 9, "login: ")
		}()
		if _, err := c.Expect(t.Context(), Wait{For: []Pattern{Prompt("login:")}, Timeout: time.Minute}); err != nil {
			t.Fatal(err)
		}
		heard := make(chan string)
		go func() {
			buf := make([]byte, 9)
			n, _ := board.Read(buf)
			heard <- string(buf[:n])
		}()
		if err := c.Send(t.Context(), "root\n"); err != nil || <-heard != "root\n" {
			t.Errorf("Send() = %v; want nil, and the text at the new port", err)
		}
		if got := record.String(); !strings.Contains(got, "# the console port is away: EOF\n") || !strings.Contains(got, "# the console port is back after 3.1s; what the board said meanwhile is lost\n") {
			t.Errorf("transcript:\n%s\nwant a note when the port is away, and when it is back", got)
		}
	})
}

// TestTypedWhileAway: what is typed while the adapter is away is sent when it is back.
func TestTypedWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, board, _ := newAdapter(t)
		p.pullOut(board)
		synctest.Wait()
		go func() {
			time.Sleep(5 * time.Second)
			board := p.plugIn()
			buf := make([]byte, 99)
			n, _ := board.Read(buf)
			say(board, 9, "<"+string(buf[:n])+">")
		}()
		if err := c.Send(t.Context(), "hello"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("<hello>")}, Timeout: time.Second}); err != nil {
			t.Errorf("Expect() = %v; want nil", err)
		}
	})
}

// TestAdapterStaysAway: if the adapter stays away for Reopen.Timeout, the error is that the console is lost.
func TestAdapterStaysAway(t *testing.T) {
	for name, flap := range map[string]bool{"gone": false, "back, and gone at once, again and again": true} {
		synctest.Test(t, func(t *testing.T) {
			c, p, board, _ := newAdapter(t)
			if flap {
				c.port.cfg.Open = func(context.Context) (io.ReadWriteCloser, error) { return &dataWithError{read: true}, nil }
			}
			p.pullOut(board)
			began := time.Now()
			_, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("login: ")}})
			wantKind(t, err, classify.TransportLost, "did not come back within 10s")
			if took := time.Since(began).Round(time.Second); took != 10*time.Second {
				t.Errorf("%s: Expect() took %s; want 10s", name, took)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		c, p, board, _ := newAdapter(t)
		p.pullOut(board)
		late := classify.New(classify.DeadlineStep, "late")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Second, late)
		defer cancel()
		_, err := c.Expect(ctx, Wait{For: []Pattern{Text("login: ")}, Timeout: time.Second})
		wantKind(t, err, classify.DeadlineStep, "while the console port is away")
	})
}

// TestWaitsOutliveAGap: timeouts start again when the port is back, however short they are.
func TestWaitsOutliveAGap(t *testing.T) {
	for _, wait := range []Wait{{Timeout: 200 * time.Millisecond}, {Stall: 200 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			c, p, board, _ := newAdapter(t)
			p.pullOut(board)
			go func() {
				time.Sleep(3*time.Second + reopenInterval/2)
				board = p.plugIn()
				time.Sleep(150 * time.Millisecond) // in which the port is opened, and waits start again
				say(board, 9, "login: ")
			}()
			wait.For = []Pattern{Text("login: ")}
			if _, err := c.Expect(t.Context(), wait); err != nil {
				t.Errorf("Expect() = %v; want nil", err)
			}
		})
	}
}

// TestGapInACommand: a command whose output has a gap returns its exit code and an error. The next command is not
// affected.
func TestGapInACommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, board, _ := newAdapter(t)
		var w marker
		serve := func() {
			fakeShell(board, func(cmd, begin string, now marker) string {
				if cmd != "long" {
					return begin + "\r\nfine\r\n" + endMarker(now, 0) + "\r\n=> "
				}
				w = now
				say(board, 9, begin+"\r\nhalf of")
				p.pullOut(board)
				return ""
			})
		}
		go func() {
			serve()
			time.Sleep(3 * time.Second)
			board = p.plugIn()
			// The command ended meanwhile: the prompt was printed and lost, and fl is set.
			line := ""
			for buf := make([]byte, 99); ; {
				n, err := board.Read(buf)
				if err != nil {
					return
				}
				line += string(buf[:n])
				say(board, 9, strings.ReplaceAll(string(buf[:n]), "\n", "\r\n"))
				if strings.HasSuffix(line, w.askEnd()+"\n") {
					say(board, 9, endMarker(w, 3)+"\r\n=> ")
					serve()
				}
			}
		}()
		res, err := c.Run(t.Context(), UBoot("=> ", 500), Command{Text: "long", Timeout: time.Minute})
		wantKind(t, err, classify.ConsoleGap, "`long` ran: it exited 3, a part of its output is lost")
		if res.Code != 3 {
			t.Errorf("Run() = %+v; want exit code 3", res)
		}
	})
}
