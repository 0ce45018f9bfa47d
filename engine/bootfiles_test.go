package engine

import (
	"errors"
	"testing"

	"github.com/flashlua/flashlua/engine/internal/serve"
)

// TestWindows: a file that arrives without loss enlarges the window for the next, and the first loss ends that.
func TestWindows(t *testing.T) {
	lost := errors.New("lost")
	for _, tt := range []struct {
		size  int64
		loads []error
		want  int
	}{
		{1 << 20, nil, 4},
		{1 << 20, []error{nil}, 16},
		{1 << 20, []error{nil, nil, nil}, 16},
		{1 << 16, []error{nil, nil, nil}, 4},
		{1 << 20, []error{lost}, 1},
		{1 << 20, []error{nil, lost, nil, nil}, 1},
	} {
		files := bootFiles{tftp: &serve.TFTP{}}
		for _, err := range tt.loads {
			files.adaptWindow(tt.size, err)
		}
		if got := files.currentWindow(); got != tt.want {
			t.Errorf("currentWindow after loads %v of %d bytes = %d; want %d", tt.loads, tt.size, got, tt.want)
		}
	}
}
