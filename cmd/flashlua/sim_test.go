package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/simulate"
)

// viaTFTP is the board sim with boot files, so that the sequence has every step.
const viaTFTP = `local board = require("boards.sim")
board.files = { kernel = { "Image", 0x40400000 } }
board.boot = "booti ${kernel_addr} - ${fdtcontroladdr}"
return board
`

// viaUBoot is the board sim, which its U-Boot writes.
const viaUBoot = `local board = require("boards.sim")
board.method = "uboot"
board.targets = { disk = { path = "/dev/vda", uboot = "virtio 0" } }
board.default_target = "disk"
return board
`

// trial is the result of one flash of a simulated board.
type trial struct {
	report *engine.Report
	equal  bool // the medium has the content of the image
	fired  map[string]int
	kinds  []string // of the failed attempts
}

// kernelFile returns a file with the header of a kernel, of arm64 or of a PC.
func kernelFile() []byte {
	kernel := make([]byte, 40<<10)
	copy(kernel[36:], "\x18\x28\x6f\x01") // of a zImage
	copy(kernel[56:], "ARM\x64")
	copy(kernel[0x1fe:], "\x55\xaa")
	return kernel
}

// flashSim flashes an image of the given size to a simulated board with faults, in virtual time. pack, if given,
// is a command that compresses x.raw.
func flashSim(t *testing.T, script string, size int, settings string, pack ...string) (got trial) {
	dir := t.TempDir()
	content := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(size)}).Read(content)
	content[0] = 0xff // even an image of one byte is no text
	image := filepath.Join(dir, "x.raw")
	kernel := kernelFile()
	for name, p := range map[string][]byte{"x.raw": content, "Image": kernel, "bzImage": kernel, "zImage": kernel, "initramfs.cpio.gz": kernel, "board.lua": []byte(script)} {
		if err := os.WriteFile(filepath.Join(dir, name), p, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if len(pack) > 0 {
		cmd := exec.Command("bash", "-c", pack[0])
		cmd.Dir = dir
		if tool, _, _ := strings.Cut(pack[0], " "); exec.Command("sh", "-c", "command -v "+tool).Run() != nil {
			t.Skipf("LEFT OUT: %s is not installed", tool)
		}
		packed, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", pack, err)
		}
		if err := os.WriteFile(image, packed, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		p, err := bindings.Load(filepath.Join(dir, "board.lua"), bindings.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var e engine.Engine
		sim, err := simulate.Attach(&e, p, "size=64,dir="+dir+","+settings)
		if err != nil {
			t.Fatal(err)
		}
		defer sim.Close()
		got.report = e.Run(t.Context(), p, engine.Job{Image: image})
		got.fired = sim.Fired()
		disk, err := os.Open(sim.File("vda"))
		if err != nil {
			t.Fatal(err)
		}
		defer disk.Close()
		written := make([]byte, size)
		if _, err := disk.ReadAt(written, 0); err != nil {
			t.Fatal(err)
		}
		got.equal = bytes.Equal(written, content)
	})
	for _, a := range got.report.Attempts {
		if a.Error != "" {
			got.kinds = append(got.kinds, a.Kind)
		}
	}
	return got
}

func TestSimulatedFlash(t *testing.T) {
	for _, size := range []int{1, 511, 512, 1 << 20, 3000001} {
		got := flashSim(t, viaTFTP, size, "")
		if r := got.report; r.Exit != 0 || !got.equal || !r.Simulated || r.Target.State != engine.Verified || len(r.Attempts) != 1 {
			t.Errorf("%d bytes: exit %d, equal %v, %+v\n%v", size, r.Exit, got.equal, r.Target, r.Err)
		}
	}
}

// TestSimulatedQEMUBoards flashes simulated boards with the policies of the QEMU boards.
func TestSimulatedQEMUBoards(t *testing.T) {
	for _, name := range bindings.Boards() {
		if !strings.HasPrefix(name, "qemu-") {
			continue
		}
		got := flashSim(t, fmt.Sprintf("local board = require(%q)\nboard.files_dir = nil\nreturn board\n", "boards."+name), 100001, "")
		if r := got.report; r.Exit != 0 || !got.equal || len(r.Attempts) != 1 {
			t.Errorf("%s: exit %d, equal %v\n%v", name, r.Exit, got.equal, r.Err)
		}
	}
}

// The policies below change the login to U-Boot, or use a network without DHCP. The simulated board behaves as its
// policy.
func TestSimulatedBootloaders(t *testing.T) {
	for _, change := range []string{
		`board.uboot = { keys = "stop" }`,
		`board.uboot = { keys = "stop\n", every = "1s", autoboot = "Autoboot in" }`,
		`board.uboot = { keys = "", password = "s3cret" }`,
		`board.uboot = { password = "s3cret" }`,
		`board.uboot = { keys = "stop", password = "s3cret" }`,
		`board.uboot = { prompt = { "vendor# ", "=> " } }`,
		`board.linux = { prompt = { "vendor# ", "# " } }`,
		`board.linux = { prompt = { "# ", "admin> " }, user = "admin", password = "s3cret" }`,
		`board.net.address = "10.0.2.15/24"; board.net.gateway = "10.0.2.2"`,
	} {
		settings := ""
		if strings.Contains(change, "net.address") {
			settings = "dhcp=100"
		}
		got := flashSim(t, strings.Replace(viaTFTP, "return", change+"\nreturn", 1), 100_000, settings)
		if r := got.report; r.Exit != 0 || !got.equal || len(r.Attempts) != 1 || got.fired["dhcp"] != 0 {
			t.Errorf("%s: exit %d, equal %v, fired %v\n%v\n%s", change, r.Exit, got.equal, got.fired, r.Err, strings.Join(r.Console, "\n"))
		}
	}
}

// TestSimulatedPacked flashes compressed images. A damaged one is refused before anything is touched.
func TestSimulatedPacked(t *testing.T) {
	for _, pack := range []string{"gzip -q", "xz -q", "zstd -q", "bzip2 -q", "lz4 -q"} {
		t.Run(pack, func(t *testing.T) {
			got := flashSim(t, viaTFTP, 1000001, "", pack+" -c x.raw")
			if got.report.Exit != 0 || !got.equal || got.report.Image.Size != 1000001 {
				t.Errorf("exit %d, equal %v, %+v\n%v", got.report.Exit, got.equal, got.report.Image, got.report.Err)
			}
			for _, damage := range []string{"head -c 700000", "head -c 700000; printf 12345678; tail -c +9"} {
				got = flashSim(t, viaTFTP, 1000001, "", pack+" -c x.raw >p && { "+damage+"; } <p")
				if r := got.report; r.Exit != engine.ExitPlan || r.Kind != string(classify.ImageDecode) || len(r.Attempts) != 0 || r.Target.State != engine.Untouched {
					t.Errorf("%s: exit %d, %s, %d attempts, target %s", damage, r.Exit, r.Kind, len(r.Attempts), r.Target.State)
				}
			}
		})
	}
}

// TestSimulatedFaults holds that every fault occurs, has the right kind, and is overcome.
func TestSimulatedFaults(t *testing.T) {
	for _, tt := range []struct {
		faults string
		kinds  []classify.Kind // of the failed attempts
		exit   engine.ExitCode
	}{
		{"dhcp=1", nil, 0}, // retried within the step
		{"dhcp=3", []classify.Kind{classify.NetDHCPTimeout}, 0},
		{"dhcp=12", slices.Repeat([]classify.Kind{classify.NetDHCPTimeout}, 4), engine.ExitExhausted},
		{"tftp=1", []classify.Kind{classify.NetTFTPTimeout}, 0},
		{"http=1", []classify.Kind{classify.NetHTTPCut}, 0},
		{"http=2", []classify.Kind{classify.NetHTTPCut, classify.NetHTTPCut}, 0},
		{"block=1", []classify.Kind{classify.VerifyMismatch}, 0},
		{"block=4", slices.Repeat([]classify.Kind{classify.VerifyMismatch}, 4), engine.ExitExhausted},
		{"flip=1", nil, 0}, // the range is rewritten
		{"reset=load", []classify.Kind{classify.BoardReset}, 0},
		{"reset=linux", []classify.Kind{classify.BoardReset}, 0},
		{"reset=write", []classify.Kind{classify.BoardReset}, 0},
		{"reset=uboot", nil, 0}, // flashlua does not see this reset
		{"silent=uboot", []classify.Kind{classify.UBootAutoboot}, 0},
		{"silent=load", []classify.Kind{classify.ConsoleStall}, 0},
		{"silent=linux", []classify.Kind{classify.ShellLogin}, 0},
		{"silent=write", []classify.Kind{classify.ConsoleStall}, 0},
		{"off=login", []classify.Kind{classify.BoardOff}, 0},
		{"off=shell:5", []classify.Kind{classify.BoardOff}, 0},
		{"off=write", []classify.Kind{classify.BoardOff}, 0},
		{"torn=1", nil, 0},
		{"noise=0.001", nil, 0},
	} {
		t.Run(tt.faults, func(t *testing.T) {
			t.Parallel()
			got := flashSim(t, viaTFTP, 3000001, tt.faults)
			name, _, _ := strings.Cut(tt.faults, "=")
			if got.fired[name] == 0 {
				t.Errorf("the fault did not occur: %v", got.fired)
			}
			var want []string
			for _, k := range tt.kinds {
				want = append(want, string(k))
			}
			if name == "flip" && got.report.Target.Rewritten != 1 {
				t.Errorf("rewritten = %d; want 1", got.report.Target.Rewritten)
			}
			if r := got.report; r.Exit != tt.exit || !slices.Equal(got.kinds, want) || got.equal != (tt.exit == 0) {
				t.Errorf("exit %d after %v, equal %v; want %d after %v\n%v\n%s", r.Exit, got.kinds, got.equal, tt.exit, want, r.Err, strings.Join(r.Console, "\n"))
			}
		})
	}
}

// TestSettingsAreDocumented holds that docs/cli.md lists the settings of a simulated board in their order.
func TestSettingsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| setting | the board |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var want []string
	for _, s := range simulate.Settings() {
		want = append(want, fmt.Sprintf("| %s=%s | %s |", s.Name, s.Value, s.Does))
	}
	if got := strings.Split(strings.ReplaceAll(table, "`", ""), "\n"); !slices.Equal(got, want) {
		t.Errorf("docs/cli.md has:\n%s\nthe program has:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// anything are the kinds that a disturbed console may cause.
var anything = []classify.Kind{"console", "uboot", "shell", "net", "deadline"}

// rightKinds are the kinds that each fault may cause.
var rightKinds = map[string][]classify.Kind{
	"dhcp": {classify.NetDHCPTimeout}, "tftp": {classify.NetTFTPTimeout}, "http": {classify.NetHTTPCut}, "block": {classify.VerifyMismatch}, "flip": {classify.VerifyMismatch},
	"nowrite": {classify.VerifyMismatch}, "noread": {classify.VerifyMismatch}, "short": {classify.NetTFTP}, "damage": {classify.VerifyMismatch, classify.NetTFTP},
	"reset":  {classify.BoardReset},
	"off":    {classify.BoardOff, classify.ConsoleStall}, // U-Boot says nothing when it loses its power
	"silent": {classify.UBootAutoboot, "console", classify.ShellLogin, classify.ShellSync, "deadline"},
	"gone":   {classify.UBootAutoboot, "console", "shell", "deadline"},
	"drop":   anything, "double": anything, "garble": anything, "delay": anything, "noise": anything, "first": anything, "fifo": anything, "echo": anything,
}

// TestSoak flashes boards with random faults. Each run ends verified with the right content, or with a kind that
// its faults may cause. FLASHLUA_SOAK is the number of runs.
func TestSoak(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("FLASHLUA_SOAK"))
	n = max(n, 20)
	var mu sync.Mutex
	results := map[engine.ExitCode]int{}
	t.Run("boards", func(t *testing.T) {
		for seed := range n {
			settings := randomFaults(seed)
			t.Run(strconv.Itoa(seed), func(t *testing.T) {
				t.Parallel()
				script := viaTFTP
				if seed%2 == 1 {
					script = viaUBoot
				}
				got := flashSim(t, script, 1+seed*7919%3000000, settings)
				if got.report.Exit == 0 && !got.equal {
					t.Errorf("%s: verified with wrong content on the medium", settings)
				}
				for _, a := range got.report.Attempts {
					if a.Error != "" && !fits(a.Kind, got.fired) {
						t.Errorf("%s: attempt %d failed with %s: %s\n%s", settings, a.Number, a.Kind, a.Error, strings.Join(got.report.Console, "\n"))
					}
				}
				if got.report.Exit == engine.ExitFatal {
					t.Logf("%s: fatal after %v: %v", settings, got.kinds, got.report.Err)
				}
				mu.Lock()
				defer mu.Unlock()
				results[got.report.Exit]++
			})
		}
	})
	t.Logf("%d boards, by exit code: %v", n, results)
	if results[engine.ExitInternal]+results[engine.ExitPlan] > 0 {
		t.Error("a run ended with a bug or was refused")
	}
}

// randomFaults returns one to three faults.
func randomFaults(seed int) string {
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	stage := func() string {
		return pick("uboot", "autoboot", "dhcp", "load", "linux", "login", "shell", "write", "output")
	}
	rate := func() string { return pick("0.0001", "0.0005", "0.001", "0.002:typed", "0.002:printed") }
	all := []string{
		"dhcp=" + pick("1", "3", "5"), "tftp=" + pick("1", "2"), "http=" + pick("1", "2", "5"), "block=" + pick("1", "2", "5"), "flip=" + pick("1", "2", "5"),
		"nowrite=" + pick("1", "2", "9"), "noread=" + pick("1", "2", "9"), "short=" + pick("1", "2", "9"), "damage=" + pick("1", "2", "9"),
		"reset=" + stage(), "silent=" + stage(), "gone=" + stage(), "off=" + pick("login", "shell", "write"),
		"drop=" + rate(), "double=" + rate(), "garble=" + rate(), "delay=" + rate(), "noise=" + pick("0.0005", "0.005"),
		"torn=1", "first=" + pick("1", "2"), "fifo=" + pick("16", "64"), "echo=off", "wrap=" + pick("40", "80"),
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return fmt.Sprintf("seed=%d,%s", seed, strings.Join(all[:1+r.IntN(3)], ","))
}

func fits(kind string, fired map[string]int) bool {
	for fault := range fired {
		for _, k := range rightKinds[fault] {
			if classify.Kind(kind).Is(k) {
				return true
			}
		}
	}
	return false
}

// BenchmarkHundredBoards flashes 100 boards at once, 16 MiB each, with the memory limit of a run on 100 stations at a
// time. A board that reads its medium back from a file in its RAM holds the whole image there, which is 1.6 GB of all
// boards together. So many boards keep this machine busier than a station should be: one may miss the moment to stop
// autoboot, and take a second attempt.
func BenchmarkHundredBoards(b *testing.B) {
	const boards, size = 100, 16 << 20
	image := filepath.Join(b.TempDir(), "x.raw")
	content := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(content)
	if err := os.WriteFile(image, content, 0o600); err != nil {
		b.Fatal(err)
	}
	was := debug.SetMemoryLimit(memoryLimit + boards*stationMemory)
	defer debug.SetMemoryLimit(was)
	var attempts atomic.Int64
	for b.Loop() {
		var all sync.WaitGroup
		for range boards {
			all.Go(func() {
				p, err := bindings.Load("sim", bindings.Options{})
				if err != nil {
					b.Error(err)
					return
				}
				var e engine.Engine
				sim, err := simulate.Attach(&e, p, "size=32")
				if err != nil {
					b.Error(err)
					return
				}
				defer sim.Close()
				r := e.Run(b.Context(), p, engine.Job{Image: image})
				if r.Exit != 0 {
					b.Errorf("exit %d after %d attempts: %v", r.Exit, len(r.Attempts), r.Err)
				}
				attempts.Add(int64(len(r.Attempts)))
			})
		}
		all.Wait()
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	if usage.Maxrss > 2<<20 {
		b.Errorf("%d KiB resident", usage.Maxrss)
	}
	b.ReportMetric(float64(usage.Maxrss)/1024, "MB-resident")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(attempts.Load())/float64(b.N), "attempts/100-boards")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/100-boards")
}
