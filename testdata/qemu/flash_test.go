package qemu

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/testdata/built"
)

// policyFile is the arm64 board's policy in this checkout.
func policyFile() string { return ARM64.policyFile() }

func (a Arch) policyFile() string {
	return filepath.Join(sourceDir(), "../../scripts/boards/qemu-"+a.Name+".lua")
}

// rig is a board, an image and a TFTP address of their own, so that tests run beside each other.
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

// newRigOf is a rig without an image, whose disk has diskSize bytes.
func (a Arch) newRigOf(t testing.TB, diskSize int64) *rig {
	return a.rig(t, func(dir string) (*Board, error) { return a.Start(context.Background(), dir, diskSize) })
}

// rig is a rig without an image, whose board start starts in a folder.
func (a Arch) rig(t testing.TB, start func(dir string) (*Board, error)) *rig {
	if err := a.Available(); err != nil {
		if os.Getenv("FLASHLUA_REQUIRE_QEMU") == "1" && a.Name != RISCV64.Name { // whose suite is not released yet
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

// tftpAddress gives every rig another one, of this and of other processes.
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
		r.t.Errorf("power is %q, %v; want %q", got, err, want)
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
		r.t.Error("the medium does not hold the image")
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

// command is flashlua run on this rig. What the arguments say is not said again.
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

// flash runs flashlua and gives its exit code, what it printed and the verdict.
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

// run runs a policy through the engine, for what needs a hand inside.
func (r *rig) run(e engine.Engine, policy string, retries int) *engine.Report {
	r.t.Helper()
	p, err := bindings.Load(policy, bindings.Options{Set: map[string]string{"net.tftp": r.tftp}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.wake()
	return e.Run(r.t.Context(), p, engine.Job{Image: r.image, Port: r.Port, Power: r.Power, FilesDir: r.Arch.BootDir(), Retries: &retries})
}

// drive runs f as the board's flash function, once, and again only if packets were lost. f proves nothing, and the run must end for that reason alone.
func (r *rig) drive(f func(ctx context.Context, s *engine.Session, p *engine.Policy) error) {
	r.t.Helper()
	r.driveWithin(hang.String(), f)
}

// driveWithin is drive with a limit of its own.
func (r *rig) driveWithin(limit string, f func(ctx context.Context, s *engine.Session, p *engine.Policy) error) {
	r.t.Helper()
	p, err := bindings.Load(r.Arch.policyFile(), bindings.Options{Set: map[string]string{"net.tftp": r.tftp, "limits.attempt": limit, "limits.total": "24h"}})
	if err != nil {
		r.t.Fatal(err)
	}
	p.Flash = func(ctx context.Context, s *engine.Session) error { return f(ctx, s, p) }
	retries := 9
	p.Classify = func(_ context.Context, err error, _ func(error) classify.Class) (classify.Class, error) {
		if slices.Contains(lost, classify.Facts(err).Kind) {
			return classify.Retry, nil
		}
		return classify.Fatal, nil
	}
	r.wake()
	rep := engine.Engine{}.Run(r.t.Context(), p, engine.Job{Image: r.image, Port: r.Port, Power: r.Power, FilesDir: r.Arch.BootDir(), Retries: &retries})
	if rep.Exit != 0 && rep.Kind != string(classify.FlashUnverified) {
		r.t.Errorf("%v\n%s", rep.Err, strings.Join(rep.Console, "\n"))
	}
}

// variant writes a policy that is the board's with some keys changed.
func (r *rig) variant(lua string) string {
	return r.write("variant.lua", "local board = require(\"boards.qemu-"+r.Arch.Name+"\")\n"+lua+"\nreturn board\n")
}

func TestFlash(t *testing.T) {
	for _, size := range []int64{1_000_001, 1} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r := newRig(t, size)
			code, out, v := r.flash(policyFile())
			if code != 0 || v.Result != "verified" || v.Target.State != "verified" || len(failures(v.Attempts)) > 0 || v.Target.Device != "/dev/vda" {
				t.Errorf("exit %d, verdict %+v\n%s", code, v, out)
			}
			r.equal()
			r.power("paused")
			if size == 1 { // again, as it is left by the first run
				if code, out, _ := r.flash(policyFile()); code != 0 {
					t.Errorf("second run: exit %d\n%s", code, out)
				}
			}
		})
	}
}

func TestFlashPacked(t *testing.T) {
	r := inLinux(t, 2_000_001)
	for suffix, pack := range map[string][]string{".gz": {"gzip", "-k"}, ".zst": {"zstd", "-q"}, ".bz2": {"bzip2", "-k"}, ".lz4": {"lz4", "-q", "-m"}} {
		if out, err := exec.Command(pack[0], append(pack[1:], r.image)...).CombinedOutput(); err != nil {
			t.Skipf("LEFT OUT: %v\n%s", err, out)
		}
		r.flip(0) // so that an earlier flash does not count
		code, out, v := r.flash(r.fromShell(), "--image", r.image+suffix, "--sha256", fmt.Sprintf("%x", sha256.Sum256(r.want)))
		if code != 0 || v.Result != "verified" || v.Image.Size != int64(len(r.want)) {
			t.Errorf("%s: exit %d, %s, %d bytes\n%s", suffix, code, v.Result, v.Image.Size, out)
		}
		r.equal()
	}
}

func TestTFTPServerSilent(t *testing.T) {
	r := newRig(t, 1000)
	var waits []time.Duration
	e := engine.Engine{
		ListenUDP: func(context.Context, string, string) (net.PacketConn, error) {
			return net.ListenPacket("udp", "127.0.0.1:0")
		},
		Events: func(e engine.Event) {
			if e.Type == engine.EventRetry && e.Step == "" {
				waits = append(waits, e.Wait)
			}
		},
	}
	rep := r.run(e, policyFile(), 1)
	if rep.Exit != engine.ExitExhausted || rep.Kind != string(classify.NetTFTPTimeout) || len(rep.Attempts) != 2 || rep.Step != "load" {
		t.Errorf("exit %d, kind %s, step %s, %d attempts\n%v", rep.Exit, rep.Kind, rep.Step, len(rep.Attempts), rep.Err)
	}
	if fmt.Sprint(waits) != "[1s]" || rep.Target.State != engine.Untouched {
		t.Errorf("waits %v, target %s", waits, rep.Target.State)
	}
	r.power("paused")
}

func TestOverrides(t *testing.T) {
	// QEMU itself answers TFTP at 10.0.2.2, with a refusal.
	const refuse = `board.net.tftp = "10.0.2.2"; board.net.listen = "127.0.0.1"` + "\n"
	for _, tt := range []struct {
		name, lua string
		args      []string
		exit      int
		rule      classify.Rule
		tries     int
		text      []string
	}{
		{"fatal", `function board.classify(err, next) if err:is("net.tftp") then return "fatal" end return next(err) end`, nil, 3, classify.RulePolicy, 1, nil},
		{"backoff", `function board.backoff(n, err, next) if err:is("net") then return "3s" end return next(n, err) end`, []string{"--retries", "1"}, 4, classify.RuleRetry, 2, []string{"next attempt in 3s"}},
		{"raises", "function board.classify(err)\n\tlocal x\n\treturn x.y\nend", []string{"--retries", "0"}, 4, classify.RuleRetry, 1, []string{"TFTP error", "classify failed: ", "variant.lua:5: attempt to index a non-table object(nil)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, 1000)
			// The address of the station's own server is not what is told to the board here.
			policy := r.variant(refuse + tt.lua)
			cmd := r.command(policy, tt.args...)
			cmd.Args = append(cmd.Args, "--set", "net.listen="+r.tftp)
			for i, a := range cmd.Args {
				if a == "net.tftp="+r.tftp {
					cmd.Args[i] = "net.tftp=10.0.2.2"
				}
			}
			out, _ := cmd.CombinedOutput()
			v := r.verdict()
			if cmd.ProcessState.ExitCode() != tt.exit || v.Rule != string(tt.rule) || len(v.Attempts) != tt.tries || v.Kind != string(classify.NetTFTP) {
				t.Errorf("exit %d, rule %s, %d attempts, kind %s; want %d, %s, %d\n%s", cmd.ProcessState.ExitCode(), v.Rule, len(v.Attempts), v.Kind, tt.exit, tt.rule, tt.tries, out)
			}
			for _, want := range tt.text {
				if !strings.Contains(string(out), want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
			r.power("paused")
		})
	}
}

func TestSignals(t *testing.T) {
	for sig, want := range map[syscall.Signal]engine.ExitCode{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		t.Run(sig.String(), func(t *testing.T) {
			start, policy := inLinux, (*rig).fromShell
			if sig == syscall.SIGINT { // from the power switch on
				start, policy = newRig, func(*rig, ...string) string { return policyFile() }
			}
			r := start(t, 32<<20)
			cmd := r.command(policy(r))
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			var sent time.Time
			for lines := bufio.NewScanner(stderr); lines.Scan(); {
				fmt.Fprintln(&out, lines.Text())
				if sent.IsZero() && strings.Contains(lines.Text(), "  write       ") {
					sent = time.Now()
					cmd.Process.Signal(sig)
				}
			}
			cmd.Wait()
			took := time.Since(sent)
			v := r.verdict()
			if code := engine.ExitCode(cmd.ProcessState.ExitCode()); code != want || v.Exit != want || sent.IsZero() {
				t.Errorf("exit %d %s after the signal, verdict %d; want %d\n%s", code, took, v.Exit, want, out.String())
			}
			if v.Target.State != engine.Partial || v.Kind != string(classify.RunInterrupted) {
				t.Errorf("target %s, kind %s", v.Target.State, v.Kind)
			}
			r.power("paused")
			conn, err := net.ListenPacket("udp", r.tftp+":69")
			if err != nil {
				t.Errorf("the TFTP port is not free: %v", err)
			} else {
				conn.Close()
			}
		})
	}
}

func TestTotalDeadline(t *testing.T) {
	r := newRig(t, 1000)
	code, out, v := r.flash(r.variant(`function board.flash(s)
		s.power:cycle()
		while true do time.sleep("1h") end
	end`), "--timeout", "20s")
	if code != 5 || v.Kind != string(classify.DeadlineTotal) {
		t.Errorf("exit %d, kind %s\n%s", code, v.Kind, out)
	}
	r.power("paused")
}

func TestBadInputLeavesThePowerAlone(t *testing.T) {
	r := newRig(t, 1000)
	for name, tt := range map[string]struct {
		lua  string
		args []string
		want []string
	}{
		"missing image":  {"", []string{"--image", "/no/such.raw"}, []string{"/no/such.raw", "--image"}},
		"missing port":   {"", []string{"--port", "unix:/no/such"}, []string{"unix:/no/such", "no such file"}},
		"unknown target": {"", []string{"--target", "emmc"}, []string{`no target "emmc"`, "it has disk"}},
		"unknown key":    {"board.uboot.promt = '=> '", nil, []string{"variant.lua:2", "uboot.promt", "did you mean prompt?"}},
		"unknown set":    {"", []string{"--set", "uboot.promt=x"}, []string{"uboot.promt", "did you mean uboot.prompt?"}},
		"missing kernel": {"board.files.kernel[1] = 'nope/Image'", nil, []string{"kernel", "nope/Image", "--files"}},
		"syntax error":   {"board = = 1", nil, []string{"variant.lua:2", `near "="`}},
		"neither":        {"do return 42 end", nil, []string{"variant.lua", "a number"}},
		"nothing":        {"do return end", nil, []string{"variant.lua", "returns nothing"}},
		"undeclared":     {"bord.name = 'x'", nil, []string{"variant.lua:2", `"bord"`}},
		"bad duration":   {"board.limits = { total = 60 }", nil, []string{"limits.total", `"90s"`}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, v := r.flash(r.variant(tt.lua), tt.args...)
			for _, want := range append(tt.want, "Error: ", "nothing was touched") {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
			if code != 2 || v.Exit != 2 || v.Target.State != engine.Untouched || strings.Count(out, "Error: ") != 1 {
				t.Errorf("exit %d, verdict %+v\n%s", code, v, out)
			}
			r.power("prelaunch")
		})
	}
	t.Run("busy port", func(t *testing.T) {
		other, err := net.Dial("unix", strings.TrimPrefix(r.Port, "unix:"))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		code, out, _ := r.flash(policyFile())
		if code != 2 || !strings.Contains(out, "in use by") {
			t.Errorf("exit %d\n%s", code, out)
		}
		r.power("prelaunch")
	})
}
