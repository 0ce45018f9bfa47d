package flash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/serve"
)

// On this machine a file plays the medium, and the disks of others are not waited for.
func TestMain(m *testing.M) {
	helper = strings.ReplaceAll(helper, "\n\tsync\n", "\n\ttrue\n")
	helper = strings.ReplaceAll(helper, "/.flashlua", fmt.Sprint("/.flashlua-", os.Getpid())) // others may test at the same time
	helper = strings.ReplaceAll(helper, "[ -b \"$dev\" ]", "[ -e \"$dev\" ]")
	os.Exit(m.Run())
}

// hostShell runs what a DUT would, on this machine, with nothing but busybox.
type hostShell struct {
	t      *testing.T
	dir    string // of its programs
	prefix string // put before each command
	shell  []string
}

// busybox gives a folder with an applet of each name, and nothing else.
func busybox(t *testing.T) string {
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("LEFT OUT: busybox is not installed")
	}
	dir := t.TempDir()
	if out, err := exec.Command(path, "--install", "-s", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

func newHostShell(t *testing.T) *hostShell {
	dir := busybox(t)
	return &hostShell{t: t, dir: dir, prefix: "PATH=" + dir + "; ", shell: []string{"busybox", "sh", "-c"}}
}

func (h *hostShell) Exec(ctx context.Context, cmd console.Command) (console.Result, error) {
	c := exec.CommandContext(ctx, h.shell[0], append(h.shell[1:], h.prefix+cmd.Text)...)
	if !strings.HasPrefix(cmd.Text, "export FLASHLUA=") {
		c.Env = []string{"FLASHLUA=" + helper} // a DUT's shell keeps what it fetched
	}
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return console.Result{Output: string(out), Code: c.ProcessState.ExitCode()}, err
}

// picture is an image that may have changed.
type picture struct {
	*image.Image
	err error
}

func (p *picture) CheckUnchanged() error { return p.err }

func newImage(t *testing.T, b []byte) *picture {
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	im, err := image.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	return &picture{im, nil}
}

// write does what Write of a new Writing does.
func write(t *testing.T, d *ShellFlasher, m Medium, im Image) (*ShellWriter, error) {
	w := d.NewWriter(m, im)
	return w, w.Write(t.Context())
}

// verify reads all of an image back.
func verify(t *testing.T, d *ShellFlasher, m Medium, im Image) (Receipt, error) {
	return d.NewWriter(m, im).Verify(t.Context())
}

func newDUT(t *testing.T, sh Shell) (*ShellFlasher, *cutter) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cut := &cutter{Listener: l}
	h := serve.NewHTTP(cut)
	t.Cleanup(func() { h.Close() })
	return &ShellFlasher{Shell: sh, HTTP: h, Station: "127.0.0.1", Clock: clock.Real{}}, cut
}

// cutter is a listener whose connections can be cut.
type cutter struct {
	net.Listener
	mu  sync.Mutex
	all []net.Conn
}

func (c *cutter) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all = append(c.all, conn)
	}
	return conn, err
}

func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.all {
		conn.Close()
	}
}

// medium is a file that plays the disk, full of something else.
func medium(t *testing.T, size int64) Medium {
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, bytes.Repeat([]byte{0xff}, int(size)), 0o600); err != nil {
		t.Fatal(err)
	}
	return Medium{Target: Target{Name: "disk", Path: path}, Device: path, Size: size, Sector: 512}
}

func TestWriteAndVerify(t *testing.T) {
	for _, size := range []int{1, 511, 512, 513, 4095, 1_000_001, mib - 1, mib, mib + 1, 3*mib + 512} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			d, _ := newDUT(t, newHostShell(t))
			var done, total int64
			d.Progress = func(step string, n, of int64) {
				if step == "write" {
					done, total = n, of
				}
			}
			want := make([]byte, size)
			rand.New(rand.NewSource(int64(size))).Read(want)
			im, m := newImage(t, want), medium(t, 4*mib)
			if _, err := write(t, d, m, im); err != nil {
				t.Fatalf("%v\n%s", err, classify.Facts(err).Console)
			}
			r, err := verify(t, d, m, im)
			if err != nil || !r.Valid() || r.Size != int64(size) || r.SHA256 != im.SHA256() {
				t.Fatalf("Verify = %+v, %v\n%s", r, err, classify.Facts(err).Console)
			}
			got, err := os.ReadFile(m.Device)
			if err != nil {
				t.Fatal(err)
			}
			padded := (size + 511) / 512 * 512
			if !bytes.Equal(got[:size], want) || total != int64(padded) || done > total {
				t.Errorf("the medium differs, or progress ended at %d of %d", done, total)
			}
			for _, f := range m.damage(t, got, size) {
				if r, err := verify(t, d, m, f); err == nil || r.Valid() || classify.Facts(err).Kind != classify.VerifyMismatch {
					t.Errorf("Verify of another image = %+v, %v", r, err)
				}
			}
		})
	}
}

// damage gives images that differ from what is on the medium in one bit.
func (m Medium) damage(t *testing.T, on []byte, size int) []Image {
	var all []Image
	for _, at := range []int{0, size / 2, size - 1} {
		b := bytes.Clone(on[:size])
		b[at] ^= 1
		all = append(all, newImage(t, b))
	}
	return all
}

func TestWriteFailures(t *testing.T) {
	big := newImage(t, bytes.Repeat([]byte("data"), 2*mib))
	for name, tt := range map[string]struct {
		bend func(d *ShellFlasher, cut *cutter, sh *hostShell, m *Medium)
		kind classify.Kind
		text string
	}{
		"cut": {func(d *ShellFlasher, cut *cutter, sh *hostShell, m *Medium) {
			d.Progress = func(step string, done, total int64) {
				if done > total/4 {
					cut.cut()
				}
			}
		}, classify.NetHTTPCut, "broke off after"},
		"no such device": {func(d *ShellFlasher, cut *cutter, sh *hostShell, m *Medium) { m.Device = "/no/such/device" }, classify.WriteFailed, "went away"},
		"device full":    {func(d *ShellFlasher, cut *cutter, sh *hostShell, m *Medium) { m.Device = "/dev/full" }, classify.WriteFailed, "dd exited 1"},
		"no station":     {func(d *ShellFlasher, cut *cutter, sh *hostShell, m *Medium) { d.Station = "127.0.0.99" }, classify.NetHTTP, "cannot fetch from the station"},
		"no tools": {func(d *ShellFlasher, cut *cutter, sh *hostShell, m *Medium) {
			sh.prefix, sh.shell = "PATH=/nowhere; ", []string{"sh", "-c"}
		}, classify.NetHTTP, "cannot fetch from the station"},
	} {
		for _, nc := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, nc %t", name, nc), func(t *testing.T) {
				sh := newHostShell(t)
				d, cut := newDUT(t, sh)
				m := medium(t, mib)
				tt.bend(d, cut, sh, &m)
				w := d.NewWriter(m, big)
				w.method, w.nc = defaultReadMethod, nc
				err := w.writeRanges(t.Context(), big.Ranges())
				if f := classify.Facts(err); f.Kind != tt.kind || !strings.Contains(fmt.Sprint(err), tt.text) {
					t.Errorf("put = %v of kind %s; want %q of %s\n%s", err, f.Kind, tt.text, tt.kind, f.Console)
				}
			})
		}
	}
}

func TestVerifyFailures(t *testing.T) {
	im := newImage(t, []byte("image"))
	d, _ := newDUT(t, newHostShell(t))
	m := medium(t, mib)
	m.Device = "/no/such/device"
	if r, err := verify(t, d, m, im); r.Valid() || classify.Facts(err).Kind != classify.VerifyRead {
		t.Errorf("Verify of nothing = %+v, %v", r, err)
	}
	m = medium(t, mib)
	im.err = classify.New(classify.ImageChanged, "changed")
	if r, err := verify(t, d, m, im); r.Valid() || classify.Facts(err).Kind != classify.ImageChanged {
		t.Errorf("Verify of an image that changed = %+v, %v", r, err)
	}
}

// deaf is a shell whose write never ends.
type deaf struct{ *hostShell }

func (s deaf) Exec(ctx context.Context, cmd console.Command) (console.Result, error) {
	if strings.Contains(cmd.Text, "'apply'") {
		<-ctx.Done()
		return console.Result{}, context.Cause(ctx)
	}
	return s.hostShell.Exec(ctx, cmd)
}

func TestABoardThatFetchesNothing(t *testing.T) {
	d, _ := newDUT(t, deaf{newHostShell(t)})
	clk := &clock.Virtual{}
	d.Clock = clk
	over := make(chan error, 1)
	w := d.NewWriter(medium(t, mib), newImage(t, []byte("image")))
	go func() { over <- w.Write(t.Context()) }()
	for began := clk.Now(); ; {
		select {
		case err := <-over:
			if classify.Facts(err).Kind != classify.ConsoleStall || clk.Now().Sub(began) < stallTimeout {
				t.Errorf("Write = %v after %s", err, clk.Now().Sub(began))
			}
			return
		default:
			clk.Sleep(t.Context(), time.Second)
		}
	}
}

func TestResolveRefuses(t *testing.T) {
	d, _ := newDUT(t, newHostShell(t))
	for path, want := range map[string]classify.Kind{
		"/no/such/device": classify.TargetMissing,
		"/dev/null":       classify.TargetUnsafe,
		"/tmp":            classify.TargetUnsafe,
	} {
		_, err := d.Resolve(t.Context(), Target{Name: "x", Path: path})
		if f := classify.Facts(err); f.Kind != want || f.Class != classify.Fatal {
			t.Errorf("Resolve(%s) = %v of kind %s; want %s", path, err, f.Kind, want)
		}
	}
	_, err := d.Resolve(t.Context(), Target{Name: "x", Sysfs: "4fb0000"})
	if f := classify.Facts(err); f.Kind != classify.TargetMissing || !strings.Contains(err.Error(), "the disk at 4fb0000") {
		t.Errorf("Resolve of an address that is not there = %v", err)
	}
}

// TestExitCodesComeTwice: noise in one makes it none, and not another one.
func TestExitCodesComeTwice(t *testing.T) {
	for text, want := range map[string]int64{"0=0": 0, "1=1": 1, "0=1": -1, "1=0": -1, "0=": -1, "=0": -1, "0?0": -1, "": -1, "512": 512} {
		if got := (reply{fields: map[string][]string{"dd": {text}}}).number("dd"); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}

// TestWaysToReadBack: whatever way a board reads a medium back in, what is right is proven, and what is wrong is found.
func TestWaysToReadBack(t *testing.T) {
	sh := newHostShell(t)
	if curl, err := exec.LookPath("curl"); err == nil {
		if err := os.Symlink(curl, filepath.Join(sh.dir, "curl")); err != nil {
			t.Fatal(err)
		}
	}
	for _, by := range []readMethod{{"pipe", "sha256sum"}, {"pipe", "sha512sum"}, {"file", "sha256sum"}, {"back", "nc"}, {"back", "curl"}} {
		t.Run(by.name+" "+by.program, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(sh.dir, by.program)); err != nil {
				t.Skipf("LEFT OUT: %v", err)
			}
			d, _ := newDUT(t, sh)
			want := random(5*mib+777, 1)
			clear(want[2*mib : 4*mib])
			im, m := newImage(t, want), medium(t, 8*mib)
			w := d.NewWriter(m, im)
			w.method, w.nc = by, by.program == "nc"
			if err := w.writeRanges(t.Context(), im.Ranges()); err != nil {
				t.Fatal(err)
			}
			if r, err := w.Verify(t.Context()); err != nil || !r.Valid() {
				t.Fatalf("%v\n%s", err, classify.Facts(err).Console)
			}
			f, err := os.OpenFile(m.Device, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for _, at := range []int64{0, 3 * mib, int64(len(want)) - 1} {
				if _, err := f.WriteAt([]byte{want[at] ^ 1}, at); err != nil {
					t.Fatal(err)
				}
				r, err := w.Verify(t.Context())
				if r.Valid() || classify.Facts(err).Kind != classify.VerifyMismatch {
					t.Errorf("byte %d: %+v, %v", at, r, err)
				}
				if r, err = repaired(t.Context(), w); !r.Valid() || w.counts.Rewritten != 1 {
					t.Errorf("byte %d: %d rewritten, %v", at, w.counts.Rewritten, err)
				}
				w.counts.Rewritten = 0
			}
		})
	}
}

// TestForceRO: an eMMC's boot partition is written only if the policy says so, and is read-only afterwards as before.
func TestForceRO(t *testing.T) {
	m := medium(t, mib)
	sys := filepath.Join(t.TempDir(), "block")
	node := filepath.Join(sys, filepath.Base(m.Device))
	for name, text := range map[string]string{"ro": "1", "force_ro": "1", "size": "2048", "dev": "179:8", "queue/logical_block_size": "512"} {
		path := filepath.Join(node, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := helper
	helper = strings.ReplaceAll(helper, "/sys/class/block", sys)
	t.Cleanup(func() { helper = before })
	d, _ := newDUT(t, newHostShell(t))
	im := newImage(t, random(1000, 1))
	if _, err := d.Resolve(t.Context(), m.Target); classify.Facts(err).Kind != classify.TargetUnsafe || !strings.Contains(classify.Facts(err).Hint, "clear_force_ro = true") {
		t.Errorf("%v, hint %q", err, classify.Facts(err).Hint)
	}
	m.Target.ClearForceRO = true
	at, err := d.Resolve(t.Context(), m.Target)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := write(t, d, at, im); err != nil {
		t.Fatalf("%v\n%s", err, classify.Facts(err).Console)
	}
	if r, err := verify(t, d, at, im); err != nil || !r.Valid() {
		t.Error(err)
	}
	if text, _ := os.ReadFile(filepath.Join(node, "force_ro")); string(text) != "1\n" {
		t.Errorf("force_ro is %q in the end", text)
	}
}

// TestOnlyTheBoardIsServed asks for an image from where the board's helper was asked for, and from elsewhere.
func TestOnlyTheBoardIsServed(t *testing.T) {
	d, _ := newDUT(t, newHostShell(t))
	if err := d.loadHelper(t.Context()); err != nil {
		t.Fatal(err)
	}
	url, withdraw := d.serve(serve.Text("image", "content"), nil)
	defer withdraw()
	for from, want := range map[string]int{"127.0.0.1": http.StatusOK, "127.0.0.9": http.StatusNotFound} {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		client := http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s gets %s", from, res.Status)
		}
	}
}
