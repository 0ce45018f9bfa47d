package classify

import (
	"errors"
	"strings"
	"testing"
)

// TestLongChains: the text of an error has an end, whatever it was wrapped in.
func TestLongChains(t *testing.T) {
	long := strings.Repeat("é", maxJoined/16)
	var err error = errors.New("the cause")
	for range maxText - 1 {
		err = Wrap(err, "", "%s", long)
	}
	got := err.Error()
	if len(got) > maxJoined+1000 || !strings.HasPrefix(got, long+": "+long) || !strings.HasSuffix(got, "…") {
		t.Errorf("%d bytes, ending in %q", len(got), got[max(0, len(got)-20):])
	}
	if want := long + ": the cause"; Wrap(errors.New("the cause"), "", "%s", long).Error() != want {
		t.Error("a text that is short enough is cut")
	}
	if got := New(Usage, "%s", strings.Repeat("x", 2*maxJoined)).Error(); got != strings.Repeat("x", maxJoined)+"…" {
		t.Errorf("one long text has %d bytes", len(got))
	}
}
