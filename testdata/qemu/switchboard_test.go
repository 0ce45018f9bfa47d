package qemu

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/lab"
	"github.com/flashlua/flashlua/testdata/built"
)

// rigsOf are boards of different architectures that load from the same TFTP address. Each has an image of its own.
func rigsOf(t *testing.T, archs ...Arch) []*rig {
	first := archs[0].newRig(t, 300_001)
	all := []*rig{first}
	for i, arch := range archs[1:] {
		if err := arch.Available(); err != nil {
			t.Skipf("LEFT OUT: %v", err)
		}
		r := &rig{t: t, dir: t.TempDir(), tftp: first.tftp}
		board, err := arch.Start(t.Context(), r.dir, usualDisk)
		if err != nil {
			t.Fatal(err)
		}
		r.Board = board
		t.Cleanup(func() { board.Stop() })
		r.randomImage(int64(i+4) * 100_001)
		all = append(all, r)
	}
	return all
}

// flight is a flash in a process of its own.
type flight struct {
	*rig
	cmd    *exec.Cmd
	out    strings.Builder
	events *json.Decoder
	pipe   *os.File
}

// launch starts to flash the board of a rig.
func (r *rig) launch(number int) *flight {
	r.t.Helper()
	fifo := filepath.Join(r.dir, fmt.Sprint("events", number))
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		r.t.Fatal(err)
	}
	pipe, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	f := &flight{rig: r, cmd: r.command(r.Arch.policyFile(), "--events", fifo), events: json.NewDecoder(pipe), pipe: pipe}
	f.cmd.Stdout, f.cmd.Stderr = &f.out, &f.out
	if err := f.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		pipe.Close()
		f.cmd.Process.Kill()
		f.cmd.Wait()
	})
	return f
}

// until reads the events until one is as wanted.
func (f *flight) until(wanted func(engine.Event) bool) {
	f.t.Helper()
	for {
		var e engine.Event
		if err := f.events.Decode(&e); err != nil {
			f.t.Fatalf("events of %s: %v\n%s", f.Arch.Name, err, &f.out)
		}
		if wanted(e) {
			return
		}
		if e.Type == engine.EventEnd {
			f.cmd.Wait()
			f.t.Fatalf("the flash of %s has ended before the event that the test waits for\n%s", f.Arch.Name, &f.out)
		}
	}
}

// landed checks that the flash ends verified.
func (f *flight) landed() {
	f.t.Helper()
	go io.Copy(io.Discard, f.pipe)
	f.cmd.Wait()
	f.verified(engine.ExitCode(f.cmd.ProcessState.ExitCode()), f.out.String(), f.verdict())
	f.equal()
}

func loads(e engine.Event) bool {
	return e.Type == engine.EventProgress && strings.HasPrefix(e.Step, "load ") && e.Done > 0
}

// TestTwoProcessesAtOnce flashes two boards by two processes, which share port 69. The process that owns the port is
// killed while the other one's board loads a file, and its board is flashed again at once, in a third process.
func TestTwoProcessesAtOnce(t *testing.T) {
	rigs := rigsOf(t, ARM64, X8664)
	a, b := rigs[0], rigs[1]
	first := a.launch(1)
	first.until(func(e engine.Event) bool { return e.Type == engine.EventAttempt })
	second := b.launch(1)
	second.until(loads)
	if first.cmd.ProcessState != nil || first.cmd.Process.Signal(syscall.SIGKILL) != nil {
		t.Fatalf("the owner of the port has ended before it was killed\n%s", &first.out)
	}
	first.cmd.Wait()
	third := a.launch(2)
	second.landed()
	third.landed()
}

// TestTwoBoardsOfAProgram flashes two boards at once by one process, while another one serves port 69.
func TestTwoBoardsOfAProgram(t *testing.T) {
	rigs := rigsOf(t, ARM64, X8664)
	port := exec.Command(built.Program(t), "tftp", "--listen", rigs[0].tftp)
	log, err := port.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := port.Start(); err != nil {
		t.Fatal(err)
	}
	defer port.Wait()
	defer port.Process.Kill()
	if _, err := log.Read(make([]byte, 100)); err != nil { // it serves the port
		t.Fatal(err)
	}
	go io.Copy(io.Discard, log)
	var entries []string
	for _, r := range rigs {
		entries = append(entries, fmt.Sprintf("{ %q, { image = %q, port = %q, power = %q, set = { [%q] = %q } } }",
			r.Arch.policyFile(), r.image, r.Port, r.Power, "net.tftp", r.tftp))
	}
	script := rigs[0].write("all.lua", "return function() flash.all({ "+strings.Join(entries, ", ")+" }, { parallel = 2 }) end")
	cmd := exec.Command(built.Program(t), "run", script, "--allow-read", "/", "--allow-write", "/tmp", "--out", filepath.Join(rigs[0].dir, "out"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("flashlua run of two boards = %v; want nil\n%s", err, out)
	}
	for _, r := range rigs {
		r.equal()
	}
}

// TestThreeBoardsOfAGoProgram flashes three boards at once in this process. One of them also requests a file without a
// token.
func TestThreeBoardsOfAGoProgram(t *testing.T) {
	rigs := rigsOf(t, ARM64, X8664, ARM)
	var all sync.WaitGroup
	for _, r := range rigs {
		policy := r.Arch.policyFile()
		if r.Arch == X8664 {
			policy = r.variant(fmt.Sprintf(`
local seq = require("lib.uboot_busybox").sequence()
seq:before("load", { name = "own", run = function(s, job, at) at.uboot:run("tftpboot 2000000 %s:bzImage", { timeout = "4m" }) end })
board.flash = seq.flash`, r.tftp))
		}
		all.Go(func() {
			if rep := r.run(engine.Engine{}, policy, 0); rep.Exit != 0 {
				t.Errorf("run of %s = exit %d, %v; want 0", r.Arch.Name, rep.Exit, rep.Err)
			}
		})
	}
	all.Wait()
	for _, r := range rigs {
		r.equal()
	}
}

// TestThreeStationsOfARun flashes three boards of a lab file at once by one command.
func TestThreeStationsOfARun(t *testing.T) {
	rigs := rigsOf(t, ARM64, X8664, ARM)
	dir, out := rigs[0].dir, filepath.Join(rigs[0].dir, "out")
	var stations []string
	for _, r := range rigs {
		r.image, r.want = rigs[0].image, rigs[0].want
		stations = append(stations, fmt.Sprintf("[%q] = { board = %q, port = %q, power = %q, set = { [%q] = %q } }",
			r.Arch.Name, r.Arch.policyFile(), r.Port, r.Power, "net.tftp", r.tftp))
	}
	inventory := rigs[0].write("lab.lua", "return { stations = { "+strings.Join(stations, ", ")+" } }")
	cmd := exec.Command(built.Program(t), "run", ARM64.Name, X8664.Name, ARM.Name, "--lab", inventory, "--image", rigs[0].image, "--out", out)
	cmd.Env = append(os.Environ(), "FLASHLUA_CACHE="+filepath.Join(dir, "cache"))
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("flashlua run of three stations = %v; want nil\n%s", err, text)
	}
	var all lab.Summary
	raw, err := os.ReadFile(filepath.Join(out, "summary.json"))
	if err != nil || json.Unmarshal(raw, &all) != nil || all.Exit != 0 || all.Counts != (lab.Counts{Stations: 3, Verified: 3}) {
		t.Fatalf("summary.json = %s, %v; want exit 0 and 3 verified stations", raw, err)
	}
	for i, r := range rigs {
		s := all.Stations[i]
		if s.Station != r.Arch.Name || s.Result != engine.ResultVerified || s.Attempts != 1 {
			t.Errorf("station %d of summary.json = %+v; want %s verified at the first attempt", i, s, r.Arch.Name)
		}
		raw, err := os.ReadFile(filepath.Join(out, s.Station, "verdict.json"))
		var v engine.Report
		if err != nil || json.Unmarshal(raw, &v) != nil || v.Target.State != engine.Verified || v.Attempt != 1 {
			t.Errorf("verdict of %s = %s, %v; want verified at the first attempt", s.Station, raw, err)
		}
		r.equal()
	}
}
