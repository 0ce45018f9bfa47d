package classify

import (
	"errors"
	"strings"
	"testing"
)

// TestLongChains: the text of an error is bounded, however often it was wrapped.
func TestLongChains(t *testing.T) {
	long := strings.Repeat("é", maxJoined/16)
	var err error = errors.New("the cause")
	for range maxText - 1 {
		err = Wrap(err, "", "%s", long)
	}
	got := err.Error()
	if len(got) > maxJoined+1000 || !strings.HasPrefix(got, long+": "+long) || !strings.HasSuffix(got, "…") {
		t.Errorf("Error() has %d bytes and ends with %q; want at most %d, and …", len(got), got[max(0, len(got)-20):], maxJoined+1000)
	}
	if want := long + ": the cause"; Wrap(errors.New("the cause"), "", "%s", long).Error() != want {
		t.Errorf("Error() of a short chain is cut; want %.20q…", want)
	}
	if got := New(Usage, "%s", strings.Repeat("x", 2*maxJoined)).Error(); got != strings.Repeat("x", maxJoined)+"…" {
		t.Errorf("Error() of one long text has %d bytes; want %d and …", len(got), maxJoined)
	}
}
