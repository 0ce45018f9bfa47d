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

// plugs is a socket that an adapter can be pulled out of and plugged in again.
type plugs struct {
	t    *testing.T
	port atomic.Pointer[net.Conn] // our end; nil while it is pulled out
}

// in gives the board's end.
func (p *plugs) in() (board net.Conn) {
	board, port := net.Pipe()
	p.port.Store(&port)
	p.t.Cleanup(func() { board.Close(); port.Close() })
	return board
}

func (p *plugs) out(board net.Conn) {
	p.port.Store(nil)
	board.Close()
}

var errNoDevice = errors.New("open /dev/ttyUSB0: no such device")

func (p *plugs) open(context.Context) (io.ReadWriteCloser, error) {
	if port := p.port.Load(); port != nil {
		return *port, nil
	}
	return nil, errNoDevice
}

// plugged gives a Console that waits 10 s for its adapter, and what it records.
func plugged(t *testing.T) (*Console, *plugs, net.Conn, *strings.Builder) {
	p, record := &plugs{t: t}, &strings.Builder{}
	board := p.in()
	c := New(*p.port.Load(), Config{Reopen: Reopen{p.open, 10 * time.Second}, Recorder: NewTranscript(record)})
	t.Cleanup(func() { c.Close() })
	return c, p, board, record
}

// Rows 21 and 28: an adapter that vanishes and comes back costs no attempt, and the transcript has the gap.
func TestAdapterComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, board, record := plugged(t)
		go func() {
			say(board, 9, "before\r\n")
			p.out(board)
			time.Sleep(3*time.Second + reopenInterval/2) // virtual
			board = p.in()
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
			t.Error(err)
		}
		if got := record.String(); !strings.Contains(got, "# the console port is away: EOF\n") || !strings.Contains(got, "# the console port is back after 3.1s; what the board said meanwhile is lost\n") {
			t.Errorf("the transcript has no gap:\n%s", got)
		}
	})
}

// Row 28: what is typed while the adapter is away waits for it.
func TestTypedWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, board, _ := plugged(t)
		p.out(board)
		synctest.Wait()
		go func() {
			time.Sleep(5 * time.Second)
			board := p.in()
			buf := make([]byte, 99)
			n, _ := board.Read(buf)
			say(board, 9, "<"+string(buf[:n])+">")
		}()
		if err := c.Send(t.Context(), "hello"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("<hello>")}, Timeout: time.Second}); err != nil {
			t.Error(err)
		}
	})
}

// Row 21: an adapter that stays away is "transport lost" after the patience, and not "target silent".
func TestAdapterStaysAway(t *testing.T) {
	for name, flap := range map[string]bool{"gone": false, "back, and gone at once, again and again": true} {
		synctest.Test(t, func(t *testing.T) {
			c, p, board, _ := plugged(t)
			if flap {
				c.port.cfg.Open = func(context.Context) (io.ReadWriteCloser, error) { return &half{read: true}, nil }
			}
			p.out(board)
			began := time.Now()
			_, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("login: ")}})
			wantKind(t, err, classify.TransportLost, "did not come back within 10s")
			if took := time.Since(began).Round(time.Second); took != 10*time.Second {
				t.Errorf("%s: given up after %s", name, took)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		c, p, board, _ := plugged(t)
		p.out(board)
		late := classify.New(classify.DeadlineStep, "late")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Second, late)
		defer cancel()
		_, err := c.Expect(ctx, Wait{For: []Pattern{Text("login: ")}, Timeout: time.Second})
		wantKind(t, err, classify.DeadlineStep, "while the console port is away")
	})
}

// Row 28: whoever waits when the adapter vanishes has the whole time once it is back, however short that is.
func TestWaitsOutliveAGap(t *testing.T) {
	for _, wait := range []Wait{{Timeout: 200 * time.Millisecond}, {Stall: 200 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			c, p, board, _ := plugged(t)
			p.out(board)
			go func() {
				time.Sleep(3*time.Second + reopenInterval/2)
				board = p.in()
				time.Sleep(150 * time.Millisecond) // in which it is tried, and waited for again
				say(board, 9, "login: ")
			}()
			wait.For = []Pattern{Text("login: ")}
			if _, err := c.Expect(t.Context(), wait); err != nil {
				t.Error(err)
			}
		})
	}
}

// A command whose output has a gap tells its exit code and fails as incomplete; the next one is as any other.
func TestGapInACommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, board, _ := plugged(t)
		var w marker
		serve := func() {
			fakeShell(board, func(cmd, begin string, now marker) string {
				if cmd != "long" {
					return begin + "\r\nfine\r\n" + exit(now, 0) + "\r\n=> "
				}
				w = now
				say(board, 9, begin+"\r\nhalf of")
				p.out(board)
				return ""
			})
		}
		go func() {
			serve()
			time.Sleep(3 * time.Second)
			board = p.in()
			// The command ended meanwhile: the prompt is there, unseen, and fl is set.
			line := ""
			for buf := make([]byte, 99); ; {
				n, err := board.Read(buf)
				if err != nil {
					return
				}
				line += string(buf[:n])
				say(board, 9, strings.ReplaceAll(string(buf[:n]), "\n", "\r\n"))
				if strings.HasSuffix(line, w.askEnd()+"\n") {
					say(board, 9, exit(w, 3)+"\r\n=> ")
					serve()
				}
			}
		}()
		res, err := c.Run(t.Context(), UBoot("=> ", 500), Command{Text: "long", Timeout: time.Minute})
		wantKind(t, err, classify.ConsoleGap, "`long` ran: it exited 3, a part of its output is lost")
		if res.Code != 3 {
			t.Errorf("Run = %+v", res)
		}
	})
}
