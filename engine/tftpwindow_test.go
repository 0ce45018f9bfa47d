package engine

import "testing"

// TestTFTPWindow: a file that arrives without loss enlarges the window for the next, the first loss ends that, and a
// configured window stays until blocks are lost.
func TestTFTPWindow(t *testing.T) {
	const lost = -1
	for _, tt := range []struct {
		configured int
		loads      []int64 // sizes
		want       int
	}{
		{0, nil, 4},
		{0, []int64{1 << 20}, 12},
		{0, []int64{1 << 20, 1 << 20, 1 << 20}, 12},
		{0, []int64{1 << 16, 1 << 16, 1 << 16}, 4},
		{0, []int64{lost}, 1},
		{0, []int64{1 << 20, lost, 1 << 20, 1 << 20}, 1},
		{8, []int64{1 << 20, 1 << 20}, 8},
		{8, []int64{1 << 20, lost, 1 << 20}, 1},
		{1, []int64{1 << 20}, 1},
	} {
		w := tftpWindow{configured: tt.configured}
		for _, size := range tt.loads {
			if size == lost {
				w.fall()
			} else {
				w.arrived(size)
			}
		}
		if got := w.size(); got != tt.want {
			t.Errorf("size with %d configured after loads of %v = %d; want %d", tt.configured, tt.loads, got, tt.want)
		}
	}
}
