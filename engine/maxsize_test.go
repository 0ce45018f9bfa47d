package engine

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

// zeros is a stream of zero bytes.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), z.left)]
	z.left -= int64(len(p))
	clear(p)
	return len(p), nil
}

// after is a reader that waits until a channel is closed.
type after struct {
	wait <-chan struct{}
	io.Reader
}

func (a *after) Read(p []byte) (int, error) {
	<-a.wait
	return a.Reader.Read(p)
}

// TestMaxSizeBeforeAndAfterPower: a size that is known before the board has power ends the run there, exit 2, and
// one that turns out later ends the attempt, exit 3. The medium is not touched.
func TestMaxSizeBeforeAndAfterPower(t *testing.T) {
	b := newBench(t, failing(nil))
	b.job.MaxSize = 4
	r, _ := b.run(t)
	wantReport(t, r, ExitPlan, classify.RuleFatal, classify.ImageTooLarge, 0)
	if len(b.switched) != 0 || r.Target.State != Untouched || r.Class != "fatal" {
		t.Errorf("power %v, target %s, class %s; want no switch, untouched, fatal", b.switched, r.Target.State, r.Class)
	}

	flashing := make(chan struct{})
	b = newBench(t, func(ctx context.Context, s *Session) error {
		close(flashing)
		_, err := s.Image(ctx)
		return err
	})
	b.job.Image, b.job.MaxSize = "-", 40<<20
	b.Stdin = io.MultiReader(&zeros{33 << 20}, &after{flashing, &zeros{64 << 20}}) // the first part takes longer than a moment
	r, _ = b.run(t)
	wantReport(t, r, ExitFatal, classify.RuleFatal, classify.ImageTooLarge, 1)
	if r.Target.State != Untouched {
		t.Errorf("target %s; want untouched", r.Target.State)
	}
}

// TestMaxSizeOfAWrite: a file for an image that is too large is not created.
func TestMaxSizeOfAWrite(t *testing.T) {
	b := newBench(t, nil)
	to := filepath.Join(t.TempDir(), "medium")
	r := b.Write(t.Context(), WriteJob{Image: b.job.Image, To: to, MaxSize: 4})
	wantReport(t, r, ExitPlan, classify.RuleFatal, classify.ImageTooLarge, 0)
	if _, err := os.Stat(to); !os.IsNotExist(err) {
		t.Errorf("Stat(%s) = %v; want that it does not exist", to, err)
	}
	if r := b.Write(t.Context(), WriteJob{Image: b.job.Image, To: to, MaxSize: 5}); r.Exit != ExitVerified {
		t.Errorf("Write of an image of exactly MaxSize = %v; want nil", r.Err)
	}
}
