package engine

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// TestWriteComparesWhileTheImageIsStaged: the medium is compared while the image is decompressed, and nothing is
// written before all of the image is known to be intact.
func TestWriteComparesWhileTheImageIsStaged(t *testing.T) {
	image := make([]byte, 24<<20+777)
	rand.NewChaCha8([32]byte{1}).Read(image[:10<<20])
	rand.NewChaCha8([32]byte{2}).Read(image[20<<20:])
	raw := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(raw, image, 0o600); err != nil {
		t.Fatal(err)
	}
	packed, err := exec.Command("xz", "-0", "-c", "--block-size=2MiB", raw).Output()
	if err != nil {
		t.Skipf("LEFT OUT: xz is not installed: %v", err)
	}
	changed := bytes.Clone(image)
	for _, at := range []int{3 << 20, 15 << 20, len(image) - 1} {
		changed[at] ^= 1
	}
	for name, tt := range map[string]struct {
		packed []byte
		before []byte
		note   string // "" is an error that leaves the medium unchanged
	}{
		"nothing there":      {packed, nil, "14680841 bytes written"}, // the rest of a new file is zeros
		"another one":        {packed, bytes.Repeat([]byte{0xff}, len(image)+1), "25166601 bytes written"},
		"the same":           {packed, image, "0 bytes written"},
		"nearly the same":    {packed, changed, "131849 bytes written"}, // two blocks, and the image's end
		"damaged at the end": {append(bytes.Clone(packed[:len(packed)-100]), packed[len(packed)-99:]...), bytes.Repeat([]byte{0xff}, 1<<20), ""},
		"cut":                {packed[:len(packed)/2], image, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in, out := filepath.Join(dir, "image.xz"), filepath.Join(dir, "medium")
			for path, content := range map[string][]byte{in: tt.packed, out: tt.before} {
				if err := os.WriteFile(path, content, 0o600); err != nil && content != nil {
					t.Fatal(err)
				}
			}
			var notes []string
			rep := Engine{Events: func(e Event) {
				if e.Type == EventNote {
					notes = append(notes, e.Text)
				}
			}}.Write(t.Context(), WriteJob{Image: in, To: out})
			got, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if tt.note == "" {
				if rep.Exit != ExitPlan || rep.Kind != string(classify.ImageDecode) || rep.Target.State != Untouched || !bytes.Equal(got, tt.before) {
					t.Errorf("exit %d, kind %s, target %s, %v; want a decode error and an untouched medium", rep.Exit, rep.Kind, rep.Target.State, rep.Err)
				}
				return
			}
			if rep.Err != nil || !bytes.Equal(got, image) || !strings.Contains(strings.Join(notes, "\n"), tt.note) {
				t.Errorf("Write = %v, equal %v, notes %q; want nil, true, %q", rep.Err, bytes.Equal(got, image), notes, tt.note)
			}
			m := rep.Target
			read, err := time.Parse(time.RFC3339Nano, m.ReadBack)
			wrote, werr := time.Parse(time.RFC3339Nano, m.LastWrite)
			if m.State != Verified || err != nil || (werr != nil) != (name == "the same") || read.Before(wrote) {
				t.Errorf("target %+v; want a read-back that is later than the last write, if there was one", m)
			}
		})
	}
}
