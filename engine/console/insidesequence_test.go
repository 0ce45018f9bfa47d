package console

import "testing"

// TestTextIsNotPartOfASequence: a text that is also in an escape sequence is found where a terminal shows it.
func TestTextIsNotPartOfASequence(t *testing.T) {
	for _, tt := range []struct {
		text, in string
		at       int // -1: not there
	}{
		{"6", "\x1b[11;26H\x1b[11;27H2\x1b[11;28H6", 25},
		{"H", "\x1b[HHello", 3},
		{"H", "\x1b[11;26H", -1},
		{"6", "\x1b[11;26", -1},
		{"host", "\x1b]0;root@host\x07root@host", 19},
		{"m", "\x1b[1mm", 4},
	} {
		m := Text(tt.text).find([]byte(tt.in), 0)
		if at := first(m); at != tt.at {
			t.Errorf("Text(%q).find(%q) = %v; want it at %d", tt.text, tt.in, m, tt.at)
		}
	}
}

// first returns the first element, -1 if there is none.
func first(m []int) int {
	if len(m) == 0 {
		return -1
	}
	return m[0]
}
