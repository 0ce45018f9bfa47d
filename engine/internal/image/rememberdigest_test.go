package image

import (
	"errors"
	"testing"
)

// TestRememberDigest holds that a digest is computed once for each key, and again after an error.
func TestRememberDigest(t *testing.T) {
	var im Image
	broken := errors.New("broken")
	computed := 0
	for _, tt := range []struct {
		key      any
		sum      string
		err      error
		want     string
		computed int
	}{
		{"a", "", broken, "", 1},
		{"a", "1", nil, "1", 2},
		{"a", "2", nil, "1", 2},
		{"b", "2", nil, "2", 3},
		{"a", "3", broken, "1", 3},
	} {
		sum, err := im.RememberDigest(tt.key, func() (string, error) {
			computed++
			return tt.sum, tt.err
		})
		if sum != tt.want || (tt.want == "") != (err != nil) || computed != tt.computed {
			t.Errorf("RememberDigest(%v) = %q, %v after %d computations; want %q after %d", tt.key, sum, err, computed, tt.want, tt.computed)
		}
	}
}
