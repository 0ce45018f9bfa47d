package transport

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestExecTellsHowTheCommandEnded(t *testing.T) {
	for text, want := range map[string]string{
		"echo no route >&2; exit 255": "ended: exit status 255: no route",
		"true":                        "ended: exit status 0",
		"no-such-client":              "exit status 127: sh:",
	} {
		p, err := Open(t.Context(), "exec:"+text, Line{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.ReadAll(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: Read = %v; want %s", text, err, want)
		}
		p.Close()
	}
}

// TestExecEndsWithItsChildren starts a program that stays when it is asked to go, and one behind it.
func TestExecEndsWithItsChildren(t *testing.T) {
	alive := filepath.Join(t.TempDir(), "alive")
	if err := syscall.Mkfifo(alive, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Open(t.Context(), "exec:trap '' TERM; { cat; } <>"+alive+" & echo up; cat <>"+alive, Line{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(p, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	p.Close()
	// A FIFO that nobody has open any more refuses a writer that does not wait.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		f, err := os.OpenFile(alive, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return
		}
		f.Close()
		if ctx.Err() != nil {
			t.Fatal("the children live on")
		}
	}
}
