package qemu

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/testdata/built"
)

// packed repeats the rig's image n times, as an .xz file of n streams.
func (r *rig) packed(n int) []byte {
	r.t.Helper()
	once, err := exec.Command("xz", "-0", "-c", r.image).Output()
	if err != nil {
		r.t.Skipf("LEFT OUT: %v", err)
	}
	r.want = bytes.Repeat(r.want, n)
	all := bytes.Repeat(once, n)
	r.image = r.write("x.raw.xz", string(all))
	return all
}

func TestDamagedImageEndsTheRunWhileTheBoardBoots(t *testing.T) {
	r := newRig(t, 8<<20)
	raw := r.packed(10)
	raw[len(raw)-len(raw)/20] ^= 1 // in the last stream
	r.write(filepath.Base(r.image), string(raw))
	before := r.digest()
	code, out, v := r.flash(policyFile())
	if code != engine.ExitFatal || v.Kind != string(classify.ImageDecode) || len(failures(v.Attempts)) != 1 || v.Target.State != engine.Untouched || r.digest() != before {
		t.Errorf("flashlua = exit %d, verdict %+v; want fatal, image.decode, one attempt, untouched\n%s", code, v, out)
	}
	if !strings.Contains(out, "which is made ready while the board boots") || strings.Contains(out, "write ") {
		t.Errorf("the run ended after the board booted; want before\n%s", out)
	}
	r.power("paused")
}

// TestSignalWhileTheImageArrives sends an image that does not end.
func TestSignalWhileTheImageArrives(t *testing.T) {
	r := newRig(t, 1)
	before := r.digest()
	cmd := r.command(policyFile(), "--image", "-")
	image, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	go io.CopyN(image, zeros{}, 64<<20)
	out := built.Follow(t, cmd, "uboot", func() { cmd.Process.Signal(syscall.SIGINT) })
	v := r.verdict()
	if code := cmd.ProcessState.ExitCode(); code != 130 || v.Exit != 130 || v.Kind != string(classify.RunInterrupted) || v.Target.State != engine.Untouched || r.digest() != before {
		t.Errorf("flashlua = exit %d, verdict %+v; want 130, run.interrupted, untouched\n%s", code, v, out)
	}
	if len(v.Secondary) > 0 {
		t.Errorf("secondary errors = %q; want none", v.Secondary)
	}
	r.power("paused")
}

// cached returns the kinds of files in the cache.
func cached(t *testing.T, dir string) (kinds []string) {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(dir, "flashlua-images-1"))
	if err != nil {
		t.Error(err)
	}
	for _, f := range files {
		if kind := filepath.Ext(f.Name()); kind != ".lock" { // which stay for a while
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// TestKilledAnywhereAndRunAgain kills runs, each later than the one before. What they left does not disturb the
// next.
func TestKilledAnywhereAndRunAgain(t *testing.T) {
	r := newRig(t, 8<<20)
	r.packed(5)
	for _, at := range []string{"uboot      begins", "  write       ", "verify     begins"} {
		cmd := r.command(policyFile(), "--verbose")
		built.Follow(t, cmd, at, func() { cmd.Process.Kill() })
	}
	code, out, v := r.flash(policyFile())
	if code != 0 || v.Result != engine.ResultVerified || len(failures(v.Attempts)) > 0 || !strings.Contains(out, "unpacked by an earlier run") {
		t.Errorf("flashlua = exit %d, verdict %+v; want 0, verified, from the cache\n%s", code, v, out)
	}
	if want := fmt.Sprintf("%d bytes of /dev/vda were right already", len(r.want)); !strings.Contains(out, want) {
		t.Errorf("the output lacks %q; want it in\n%s", want, out)
	}
	if left := cached(t, filepath.Join(r.dir, "cache")); !slices.Equal(left, []string{".img", ".json"}) {
		t.Errorf("cached = %q; want one image and its description", left)
	}
	r.equal()
}

// TestTwoBoardsShareACache flashes two boards at once with one image, which neither run has unpacked before.
func TestTwoBoardsShareACache(t *testing.T) {
	r := inLinux(t, 8<<20)
	r.packed(1)
	other := r.twin()
	cache := filepath.Join(r.dir, "shared")
	var both sync.WaitGroup
	for _, r := range []*rig{r, other} {
		cmd := r.command(r.fromShell(), "--sha256", fmt.Sprintf("%x", sha256.Sum256(r.want)))
		cmd.Env = append(cmd.Env, "FLASHLUA_CACHE="+cache)
		both.Go(func() {
			out, _ := cmd.CombinedOutput()
			if v := r.verdict(); cmd.ProcessState.ExitCode() != 0 || v.Result != engine.ResultVerified || len(failures(v.Attempts)) > 0 {
				t.Errorf("flashlua = exit %d, verdict %+v; want 0, verified\n%s", cmd.ProcessState.ExitCode(), v, out)
			}
		})
	}
	both.Wait()
	r.equal()
	other.equal()
	if left := cached(t, cache); !slices.Equal(left, []string{".img", ".json"}) {
		t.Errorf("cached = %q; want one image and its description", left)
	}
}

// twin is another board in Linux for the same image.
func (r *rig) twin() *rig {
	r.t.Helper()
	twin := *r
	twin.dir, twin.tftp = r.t.TempDir(), tftpAddress()
	b, err := resume(twin.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { b.Stop() })
	twin.Board = b
	return &twin
}
