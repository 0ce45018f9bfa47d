package serve

import "testing"

// TestBurst: two late flights in short order halve the burst, flights that arrive double it again, and flights that
// are always late show that the window is too large. A window of 1 never is.
func TestBurst(t *testing.T) {
	for _, tt := range []struct {
		window   int64
		flights  string // l is late; a is a thousand that arrived
		size     int64
		hopeless bool
	}{
		{16, "", 16, false},
		{16, "l", 16, false},
		{16, "lal", 16, false},
		{16, "ll", 8, false},
		{16, "lllll", 1, false},
		{16, "lla", 16, false},
		{16, "lllllllllllll", 1, true},
		{1, "lllllllllllllllllllll", 1, false},
	} {
		b := newBurst(tt.window)
		for _, f := range tt.flights {
			if f == 'l' {
				b.late()
				continue
			}
			for range 1000 {
				b.arrived()
			}
		}
		if b.size != tt.size || b.hopeless() != tt.hopeless {
			t.Errorf("window %d after %q: size %d, hopeless %t; want %d, %t", tt.window, tt.flights, b.size, b.hopeless(), tt.size, tt.hopeless)
		}
	}
}
