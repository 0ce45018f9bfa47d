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

	"github.com/flashlua/flashlua/classify"
)

func TestAPersonUsesTheConsole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, port := net.Pipe()
		var record bytes.Buffer
		rec := NewTranscript(&record)
		c := New(port, Config{Recorder: rec})
		say(board, 99, "old\r\n=> ")
		if _, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("old")}}); err != nil {
			t.Fatal(err)
		}
		var seen bytes.Buffer
		stop := c.Subscribe(func(p []byte) { seen.Write(p) })
		go func() {
			read := make([]byte, 8)
			n, _ := io.ReadFull(board, read)
			say(board, 1, string(read[:n])+"\x1b[6n\xff")
		}()
		if err := c.SendRaw(t.Context(), []byte("hunter2\n")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stop()
		say(board, 99, "late")
		synctest.Wait()
		if got := seen.String(); got != "\r\n=> hunter2\n\x1b[6n\xff" {
			t.Errorf("Subscribe() got %q; want the unmatched bytes and all that came until stop()", got)
		}
		rec.Close()
		if strings.Contains(record.String(), "Z > ") || !strings.Contains(record.String(), "< => hunter2") {
			t.Errorf("transcript:\n%s\nwant the echo, and not what was typed", &record)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("quit")
		cancel(cause)
		if err := c.WaitLost(ctx); err != cause {
			t.Errorf("WaitLost() with a cancelled context = %v; want %v", err, cause)
		}
		board.Close()
		wantKind(t, c.WaitLost(t.Context()), classify.TransportLost, "lost while a person used it")
		c.Close()
	})
}
