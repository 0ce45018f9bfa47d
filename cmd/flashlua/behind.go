package main

import (
	"fmt"
	"io"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

const (
	behindPieces = 4096            // that may wait to be written
	behindTime   = 2 * time.Second // that whoever reads has for the rest in the end
)

// behind writes what it is given in the background: a terminal that was stopped, or a pager that is not read on, must not
// keep the board waiting. What nobody takes for too long is dropped, and that is told.
type behind struct {
	w      io.Writer
	pieces chan []byte
	done   chan struct{}
	lost   int
}

func newBehind(w io.Writer) *behind {
	b := &behind{w: w, pieces: make(chan []byte, behindPieces), done: make(chan struct{})}
	go func() {
		defer close(b.done)
		for p := range b.pieces {
			b.w.Write(p)
		}
	}()
	return b
}

// Write never blocks. One goroutine at a time writes.
func (b *behind) Write(p []byte) (int, error) {
	select {
	case b.pieces <- append([]byte(nil), p...):
	default:
		b.lost++
	}
	return len(p), nil
}

// close waits a moment for what is left.
func (b *behind) close(clk clock.Clock) {
	close(b.pieces)
	late := make(chan struct{})
	defer clk.AfterFunc(behindTime, func() { close(late) })()
	select {
	case <-b.done:
		if b.lost > 0 {
			fmt.Fprintf(b.w, "%d pieces of the output above were lost: it was read too slowly\n", b.lost)
		}
	case <-late:
	}
}
