package classify

import (
	"errors"
	"io"
	"testing"
)

// TestTemporary holds that an error is temporary only if all of it is.
func TestTemporary(t *testing.T) {
	busy, missing := New(TransportBusy, "busy"), New(ImageMissing, "missing")
	cycle := &Error{Kind: TransportBusy}
	cycle.Cause = cycle
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"nil", nil, false},
		{"no kind", io.EOF, false},
		{"busy", busy, true},
		{"a kind of a script below it", New("transport.busy.rack", "busy"), true},
		{"a family of it", New("transport", "busy"), false},
		{"an unknown kind", New("mine", "busy"), false},
		{"with facts", WithHint(WithStep(MarkFatal(busy), "s"), "h"), true},
		{"the inner kind decides", Wrap(busy, TransportOpen, "cannot open"), true},
		{"also if it is not temporary", Wrap(missing, TransportBusy, "busy"), false},
		{"a cause without a kind", Wrap(io.EOF, TransportAway, "away"), true},
		{"all of a group", errors.Join(busy, New(StationHeld, "held")), true},
		{"one of a group", errors.Join(busy, missing), false},
		{"a group in a kind", Wrap(errors.Join(io.EOF, io.ErrUnexpectedEOF), ImageUnavailable, "away"), true},
		{"secondary errors do not count", WithSecondary(busy, missing), true},
		{"a cycle", cycle, false},
	} {
		if got := Temporary(tt.err); got != tt.want {
			t.Errorf("Temporary(%s) = %v; want %v", tt.name, got, tt.want)
		}
	}
}

// TestTemporaryKinds holds that each temporary kind is in the table of kinds.
func TestTemporaryKinds(t *testing.T) {
	for k := range temporary {
		if _, ok := table[k]; !ok {
			t.Errorf("%s is temporary, and not in the table of kinds", k)
		}
	}
}
