package console

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, port := net.Pipe()
		go io.Copy(io.Discard, board)
		c := New(port, Config{Typing: Typing{Chunk: 4, Delay: time.Second}})
		defer c.Close()
		for _, tt := range []struct {
			pacing *Pacing
			want   time.Duration
		}{{nil, 3 * time.Second}, {&Pacing{Chunk: 1, Delay: time.Millisecond}, 10 * time.Millisecond}, {&Pacing{}, 0}, {&Pacing{Delay: time.Minute}, time.Minute}, {nil, 3 * time.Second}} {
			c.Pace(tt.pacing)
			began := time.Now()
			if err := c.Send(t.Context(), "0123456789"); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != tt.want {
				t.Errorf("Send of 10 bytes at %+v took %s; want %s", tt.pacing, took, tt.want)
			}
			p := Pacing{4, time.Second}
			if tt.pacing != nil {
				p = *tt.pacing
			}
			if cost := p.Cost(1, 10); cost != tt.want {
				t.Errorf("Cost(1, 10) of %+v = %s; want %s", p, cost, tt.want)
			}
		}
	})
}
