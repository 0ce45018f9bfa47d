package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// TestTransfer passes bytes unchanged and unpaced, keeps them out of the transcript, and leaves what was not read to
// the next wait.
func TestTransfer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, port := net.Pipe()
		var record bytes.Buffer
		rec := NewTranscript(&record)
		c := New(port, Config{Recorder: rec, Typing: Typing{Chunk: 1, Delay: time.Hour}, Secrets: NewSecrets()})
		defer c.Close()
		c.secrets.Add("\x00\xff")
		say(board, 99, "ready\r\nC")
		if _, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("ready\r\n")}}); err != nil {
			t.Fatal(err)
		}
		sent := bytes.Repeat([]byte{0, 0xff, '\r', '\n', 0x18}, 300)
		go func() {
			got := make([]byte, len(sent))
			io.ReadFull(board, got)
			if !bytes.Equal(got, sent) {
				t.Errorf("the board got %d other bytes", len(got))
			}
			say(board, 1, "\x06")
			say(board, 99, "## Total Size\r\n=> ")
		}()
		began := time.Now()
		err := c.Transfer(t.Context(), "the load of x", nil, func(l *Link) error {
			if b, err := l.Receive(t.Context(), time.Second); b != 'C' || err != nil {
				t.Errorf("Receive() = %q, %v; want what no wait has consumed", b, err)
			}
			if _, err := l.Receive(t.Context(), time.Second); err != ErrNoByte {
				t.Errorf("Receive() without a byte = %v; want ErrNoByte", err)
			}
			if err := l.Write(t.Context(), sent); err != nil {
				return err
			}
			for _, want := range []byte{0x06, '#'} {
				if b, err := l.Receive(t.Context(), time.Second); b != want || err != nil {
					t.Errorf("Receive() = %q, %v; want %q", b, err, want)
				}
			}
			l.Unread()
			return nil
		})
		if took := time.Since(began); err != nil || took != time.Second {
			t.Errorf("Transfer() = %v after %s; want nil, after the wait of 1 s alone", err, took)
		}
		if m, err := c.Expect(t.Context(), Wait{For: []Pattern{Prompt("=> ")}, Before: true}); err != nil || m.Before != "## Total Size\n" {
			t.Errorf("Expect() after the transfer = %q, %v; want what it has not read", m.Before, err)
		}
		rec.Close()
		text := record.String()
		for _, want := range []string{"# the load of x begins", "# the load of x ended: 1500 bytes were sent", "< ## Total Size"} {
			if !strings.Contains(text, want) {
				t.Errorf("transcript:\n%s\nwant %q", text, want)
			}
		}
		if strings.Contains(text, `\x18`) || strings.Contains(text, "***") {
			t.Errorf("transcript:\n%s\nwant none of the transfer's bytes", text)
		}
	})
}

// TestTransferEnds ends a transfer by what ends a wait.
func TestTransferEnds(t *testing.T) {
	stopped := errors.New("stopped")
	for name, tt := range map[string]struct {
		board func(c *Console, board net.Conn, cancel func())
		kind  classify.Kind
		text  string
	}{
		"reset":     {func(_ *Console, board net.Conn, _ func()) { say(board, 7, "\x15\r\nU-Boot 2023.01 (Jan 01 2024)\r\n") }, classify.BoardReset, "reset itself"},
		"lost":      {func(_ *Console, board net.Conn, _ func()) { board.Close() }, classify.TransportLost, "transferring a file"},
		"closed":    {func(c *Console, _ net.Conn, _ func()) { c.Close() }, classify.TransportLost, "transferring a file"},
		"cancelled": {func(_ *Console, _ net.Conn, cancel func()) { cancel() }, "", "stopped"},
	} {
		synctest.Test(t, func(t *testing.T) {
			board, port := net.Pipe()
			defer board.Close()
			c := New(port, Config{})
			defer c.Close()
			ctx, cancel := context.WithCancelCause(t.Context())
			go tt.board(c, board, func() { cancel(stopped) })
			err := c.Transfer(ctx, "the load", []Abort{Reset}, func(l *Link) error {
				for {
					if _, err := l.Receive(ctx, time.Hour); err != nil {
						return err
					}
				}
			})
			if f := classify.Facts(err); err == nil || tt.kind != "" && f.Kind != tt.kind || !strings.Contains(err.Error()+fmtChain(err), tt.text) {
				t.Errorf("%s: Transfer() = %v of kind %s; want kind %s and %q", name, err, f.Kind, tt.kind, tt.text)
			}
			if name == "reset" && !strings.Contains(classify.Facts(err).Console, "U-Boot 2023.01") {
				t.Errorf("%s: console lines %q; want the banner", name, classify.Facts(err).Console)
			}
		})
	}
}

// fmtChain returns the messages of an error and its causes.
func fmtChain(err error) string { return strings.Join(classify.Messages(err), "\n") }

// TestTransferGap ends a transfer whose port was lost and opened again: bytes are missing.
func TestTransferGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, board, _ := newAdapter(t)
		err := c.Transfer(t.Context(), "the load", nil, func(l *Link) error {
			p.pullOut(board)
			board = p.plugIn()
			_, err := l.Receive(t.Context(), time.Minute)
			return err
		})
		wantKind(t, err, classify.ConsoleGap, "was away during a transfer")
	})
}
