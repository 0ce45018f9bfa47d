package qemu

import (
	"bufio"
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
)

// packed makes the rig's image n times what it is, as an .xz file of n streams.
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
	raw[len(raw)-len(raw)/20] ^= 1 // in the last of them
	r.write(filepath.Base(r.image), string(raw))
	before := r.digest()
	code, out, v := r.flash(policyFile())
	if code != engine.ExitFatal || v.Kind != string(classify.ImageDecode) || len(failures(v.Attempts)) != 1 || v.Target.State != engine.Untouched || r.digest() != before {
		t.Errorf("exit %d, verdict %+v\n%s", code, v, out)
	}
	if !strings.Contains(out, "which is made ready while the board boots") || strings.Contains(out, "write ") {
		t.Errorf("it did not end while the board booted:\n%s", out)
	}
	r.power("paused")
}

// lineOf runs cmd until it prints text, and does f then. It gives all lines.
func lineOf(t *testing.T, cmd *exec.Cmd, text string, f func()) string {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	found := false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		fmt.Fprintln(&all, lines.Text())
		if !found && strings.Contains(lines.Text(), text) {
			found = true
			f()
		}
	}
	cmd.Wait()
	if !found {
		t.Errorf("%q is not in\n%s", text, &all)
	}
	return all.String()
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
	out := lineOf(t, cmd, "uboot", func() { cmd.Process.Signal(syscall.SIGINT) })
	v := r.verdict()
	if code := cmd.ProcessState.ExitCode(); code != 130 || v.Exit != 130 || v.Kind != string(classify.RunInterrupted) || v.Target.State != engine.Untouched || r.digest() != before {
		t.Errorf("exit %d, verdict %+v\n%s", code, v, out)
	}
	if len(v.Secondary) > 0 {
		t.Errorf("beside it %q", v.Secondary)
	}
	r.power("paused")
}

// cached gives what is in the cache.
func cached(t *testing.T, dir string) (kinds []string) {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(dir, "flashlua-images-1"))
	if err != nil {
		t.Error(err)
	}
	for _, f := range files {
		kinds = append(kinds, filepath.Ext(f.Name()))
	}
	return kinds
}

// TestKilledAnywhereAndRunAgain kills runs, each one later than the one before. Nothing that they left disturbs the next.
func TestKilledAnywhereAndRunAgain(t *testing.T) {
	r := newRig(t, 8<<20)
	r.packed(5)
	for _, at := range []string{"uboot      begins", "  write       ", "verify     begins"} {
		cmd := r.command(policyFile(), "--verbose")
		lineOf(t, cmd, at, func() { cmd.Process.Kill() })
	}
	code, out, v := r.flash(policyFile())
	if code != 0 || v.Result != engine.ResultVerified || len(failures(v.Attempts)) > 0 || !strings.Contains(out, "unpacked by an earlier run") {
		t.Errorf("exit %d, verdict %+v\n%s", code, v, out)
	}
	if want := fmt.Sprintf("%d bytes of /dev/vda were right already", len(r.want)); !strings.Contains(out, want) {
		t.Errorf("%q is not in\n%s", want, out)
	}
	if left := cached(t, filepath.Join(r.dir, "cache")); !slices.Equal(left, []string{".img", ".json"}) {
		t.Errorf("in the cache are %q", left)
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
				t.Errorf("exit %d, verdict %+v\n%s", cmd.ProcessState.ExitCode(), v, out)
			}
		})
	}
	both.Wait()
	r.equal()
	other.equal()
	if left := cached(t, cache); !slices.Equal(left, []string{".img", ".json"}) {
		t.Errorf("in the cache are %q", left)
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
