package qemu

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/simulate"
	"github.com/flashlua/flashlua/testdata/built"
)

// policyFile is the arm64 board's policy in this checkout.
func policyFile() string { return ARM64.policyFile() }

func (a Arch) policyFile() string {
	return filepath.Join(sourceDir(), "../../scripts/boards/qemu-"+a.Name+".lua")
}

// rig is a board with an image and a TFTP address of its own, so that tests can run in parallel.
type rig struct {
	*Board
	t     testing.TB
	dir   string
	image string
	tftp  string
	want  []byte

	inLinux bool // the board was resumed there
}

var rigs atomic.Int32

func newRig(t testing.TB, imageSize int64) *rig { return ARM64.newRig(t, imageSize) }

func (a Arch) newRig(t testing.TB, imageSize int64) *rig {
	r := a.newRigOf(t, usualDisk)
	r.randomImage(imageSize)
	return r
}

// randomImage makes the image of a rig.
func (r *rig) randomImage(imageSize int64) {
	r.want = make([]byte, imageSize)
	rand.NewChaCha8([32]byte(binary.BigEndian.AppendUint64(make([]byte, 24), uint64(imageSize)))).Read(r.want)
	r.image = r.write("x.raw", string(r.want))
}

// newRigOf returns a rig without an image, whose disk has diskSize bytes.
func (a Arch) newRigOf(t testing.TB, diskSize int64) *rig {
	return a.rig(t, func(dir string) (*Board, error) { return a.Start(context.Background(), dir, diskSize) })
}

// rig returns a rig without an image, whose board start starts in a folder.
func (a Arch) rig(t testing.TB, start func(dir string) (*Board, error)) *rig {
	if err := a.Available(); err != nil {
		// The suite of riscv64 is not released yet, and a mirror may lack the newer U-Boots.
		if os.Getenv("FLASHLUA_REQUIRE_QEMU") == "1" && a.Name != RISCV64.Name && a.Release == "" {
			t.Fatal(err)
		}
		t.Skipf("LEFT OUT: %v", err)
	}
	if os.Getuid() != 0 {
		t.Skip("LEFT OUT: TFTP's port 69 needs root")
	}
	if t, ok := t.(*testing.T); ok {
		t.Parallel()
	}
	r := &rig{t: t, dir: t.TempDir(), tftp: tftpAddress()}
	b, err := start(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	r.Board = b
	t.Cleanup(func() { b.Stop() })
	return r
}

// tftpAddress returns an address that no other rig of this or another process has.
func tftpAddress() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 64+pid>>8%64, pid%256, rigs.Add(1))
}

func (r *rig) write(name, content string) string {
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// power checks the board's power.
func (r *rig) power(want string) {
	r.t.Helper()
	if got, err := r.Status(context.Background()); got != want || err != nil {
		r.t.Errorf("Status() = %q, %v; want %q", got, err, want)
	}
}

// equal checks that the medium holds the image, with zeros around it.
func (r *rig) equal() {
	r.t.Helper()
	got := make([]byte, len(r.want)+4096)
	f, err := os.Open(r.Disk)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.ReadFull(f, got); err != nil {
		r.t.Fatal(err)
	}
	if !bytes.Equal(got[:len(r.want)], r.want) || bytes.ContainsFunc(got[len(r.want):], func(c rune) bool { return c != 0 }) {
		r.t.Error("the medium differs from the image; want it with zeros after it")
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	printTable()
	if err := linux.remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// command returns the command flashlua run on this rig. Arguments replace the rig's own of the same name.
func (r *rig) command(policy string, args ...string) *exec.Cmd {
	base := []string{
		"run", policy, "--image", r.image, "--port", r.Port, "--power", r.Power, "--files", r.Arch.BootDir(),
		"--verdict", filepath.Join(r.dir, "v.json"), "--transcript", filepath.Join(r.dir, "t.log"), "--set", "net.tftp=" + r.tftp,
	}
	for i := 2; i < len(base); {
		if base[i] != "--set" && slices.Contains(args, base[i]) {
			base = slices.Delete(base, i, i+2)
		} else {
			i += 2
		}
	}
	r.wake()
	cmd := exec.Command(built.Program(r.t), append(base, args...)...)
	cmd.Env = append(os.Environ(), "FLASHLUA_CACHE="+filepath.Join(r.dir, "cache"))
	return cmd
}

// flash runs flashlua and returns its exit code, what it printed and the verdict.
func (r *rig) flash(policy string, args ...string) (code engine.ExitCode, text string, v engine.Report) {
	r.t.Helper()
	cmd := r.command(policy, args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.t.Fatal(err)
	}
	return engine.ExitCode(cmd.ProcessState.ExitCode()), string(out), r.verdict()
}

// verified checks that a flash of this rig ended verified, in an attempt that lost no packets.
func (r *rig) verified(code engine.ExitCode, out string, v engine.Report) {
	r.t.Helper()
	if code != 0 || v.Result != engine.ResultVerified || v.Target.State != engine.Verified || len(failures(v.Attempts)) > 0 || v.Target.Device != "/dev/vda" {
		r.t.Errorf("flashlua = exit %d, verdict %+v; want 0, /dev/vda verified without a failure\n%s", code, v, out)
	}
}

func (r *rig) verdict() (v engine.Report) {
	r.t.Helper()
	raw, err := os.ReadFile(filepath.Join(r.dir, "v.json"))
	if err != nil {
		r.t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		r.t.Fatal(err)
	}
	return v
}

// run runs a policy through the engine, for tests that need its events or replace a part of it.
func (r *rig) run(e engine.Engine, policy string, retries int) *engine.Report {
	r.t.Helper()
	p := r.load(policy, nil)
	r.wake()
	return e.Run(r.t.Context(), p, r.job(retries))
}

// load loads a policy for this rig, with more settings.
func (r *rig) load(policy string, set map[string]string) *engine.Policy {
	r.t.Helper()
	all := map[string]string{"net.tftp": r.tftp}
	maps.Copy(all, set)
	p, err := bindings.Load(policy, bindings.Options{Set: all})
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// job is a flash of the rig's image with so many retries.
func (r *rig) job(retries int) engine.Job {
	return engine.Job{Image: r.image, Port: r.Port, Power: r.Power, FilesDir: r.Arch.BootDir(), Retries: &retries}
}

// simulate runs a policy as run does, once, on a simulated board with these settings.
func (r *rig) simulate(e engine.Engine, policy, settings string) *engine.Report {
	r.t.Helper()
	p := r.load(policy, nil)
	board, err := simulate.Attach(&e, p, settings)
	if err != nil {
		r.t.Fatal(err)
	}
	defer board.Close()
	j := r.job(0)
	j.Port, j.Power = "", ""
	return e.Run(r.t.Context(), p, j)
}

// drive runs f as the board's flash function, once, and again only if packets were lost. f verifies nothing, so
// the run must end as flash.unverified.
func (r *rig) drive(f func(ctx context.Context, s *engine.Session, p *engine.Policy) error) {
	r.t.Helper()
	r.driveWithin(hang.String(), f)
}

// driveWithin is drive with a limit of its own.
func (r *rig) driveWithin(limit string, f func(ctx context.Context, s *engine.Session, p *engine.Policy) error) {
	r.t.Helper()
	p := r.load(r.Arch.policyFile(), map[string]string{"limits.attempt": limit, "limits.total": "24h"})
	p.Flash = func(ctx context.Context, s *engine.Session) error { return f(ctx, s, p) }
	p.Classify = func(_ context.Context, err error, _ func(error) classify.Class) (classify.Class, error) {
		if slices.Contains(lost, classify.Facts(err).Kind) {
			return classify.Retry, nil
		}
		return classify.Fatal, nil
	}
	r.wake()
	rep := engine.Engine{}.Run(r.t.Context(), p, r.job(9))
	if rep.Exit != 0 && rep.Kind != string(classify.FlashUnverified) {
		r.t.Errorf("run = %v; want no error but flash.unverified\n%s", rep.Err, strings.Join(rep.Console, "\n"))
	}
}

// variant writes a policy that is the board's with some keys changed.
func (r *rig) variant(lua string) string {
	return r.write("variant.lua", "local board = require(\"boards.qemu-"+r.Arch.Name+"\")\n"+lua+"\nreturn board\n")
}
