package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
)

// chattyBoard is a console command that prints much output at once.
const chattyBoard = `local board = require("boards.sim")
local seq = require("lib.uboot_busybox").sequence()
seq:after("power", { name = "chat", run = function(s) for i = 1, 3000 do s:log(("x"):rep(100) .. i) end end })
board.flash = seq.flash
return board`

// switchScript is a slow power command that logs its actions.
const switchScript = `#!/bin/sh
echo "$1 begin" >>power.log; sleep ${SWITCH_TIME:-0.1}; echo "$1 end" >>power.log
`

// endsDir returns a directory with a policy, an image and a power command.
func endsDir(t *testing.T) string {
	dir := workDir(t)
	for name, text := range map[string]string{"board.lua": chattyBoard, "switch.sh": switchScript} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// lastPower returns the last line that the power command logged, "" if it never ran.
func lastPower(dir string) string {
	text, _ := os.ReadFile(filepath.Join(dir, "power.log"))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// verdictOf reads a verdict file. It returns nil if there is none.
func verdictOf(path string) *engine.Report {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var r engine.Report
	if json.Unmarshal(text, &r) != nil {
		return nil
	}
	return &r
}

// fullPipe creates a FIFO with a reader and a full buffer.
func fullPipe(t *testing.T, path string) *os.File {
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	conn, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	conn.Control(func(fd uintptr) {
		for err == nil {
			_, err = unix.Write(int(fd), make([]byte, 512))
		}
	})
	return f
}

// TestStalledReaders holds that a run whose outputs are not read ends normally or at its deadline, with the board
// off.
func TestStalledReaders(t *testing.T) {
	silent := []string{"--power", "command:./switch.sh {}", "--timeout", "6s", "--retries", "0"}
	simulated := []string{"--port", "sim:size=1"}
	for name, tt := range map[string]struct {
		args    []string
		stalled []string // outputs without a reader
		exit    engine.ExitCode
		lost    []string // outputs with losses in the verdict
	}{
		"events":              {silent, []string{"events"}, engine.ExitDeadline, []string{"events"}},
		"transcript":          {silent, []string{"transcript"}, engine.ExitDeadline, []string{"transcript"}},
		"verdict":             {silent, []string{"verdict"}, engine.ExitDeadline, nil},
		"standard error":      {append(silent, "-v"), []string{"stderr"}, engine.ExitDeadline, nil},
		"everything":          {append(silent, "-v"), []string{"events", "transcript", "verdict", "stdout", "stderr"}, engine.ExitDeadline, nil},
		"events, verified":    {simulated, []string{"events"}, engine.ExitVerified, []string{"events"}},
		"output, verified":    {simulated, []string{"stdout"}, engine.ExitVerified, nil},
		"a verdict, verified": {simulated, []string{"verdict"}, engine.ExitOutput, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := endsDir(t)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // guards against a hang
			defer cancel()
			cmd := exec.CommandContext(ctx, "flashlua", append([]string{"run", "board.lua", "--image", "x.raw", "--out", "out"}, tt.args...)...)
			if !slices.Contains(tt.args, "--port") {
				cmd.Args = append(cmd.Args, "--port", "exec:seq 1 50000; head -c 1 >/dev/null; exec sleep 1000 # "+dir)
			}
			cmd.Dir = dir
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			for _, output := range tt.stalled {
				f := fullPipe(t, filepath.Join(dir, output))
				switch output {
				case "stdout":
					cmd.Stdout = f
				case "stderr":
					cmd.Stderr = f
				default:
					cmd.Args = append(cmd.Args, "--"+output, output)
				}
			}
			cmd.Run()
			if code := engine.ExitCode(cmd.ProcessState.ExitCode()); code != tt.exit {
				t.Errorf("exit %d (%s); want %d\n%s", code, cmd.ProcessState, tt.exit, &stderr)
			}
			if tt.exit == engine.ExitDeadline && lastPower(dir) != "off end" {
				t.Errorf("last power action = %q; want off end", lastPower(dir))
			}
			r := verdictOf(filepath.Join(dir, "out/verdict.json"))
			if slices.Contains(tt.stalled, "verdict") {
				if want := "the verdict could not be written"; cmd.Stderr == &stderr && !strings.Contains(stderr.String(), want) {
					t.Errorf("stderr lacks %q:\n%s", want, &stderr)
				}
				return
			}
			if r == nil || r.Exit != tt.exit {
				t.Fatalf("verdict = %+v", r)
			}
			var lost []string
			for _, l := range r.Lost {
				lost = append(lost, l.Output)
				if l.Output != "messages" && !strings.Contains(stderr.String(), fmt.Sprintf("incomplete: %s", describeLoss(l))) {
					t.Errorf("stderr lacks the loss %+v:\n%s", l, &stderr)
				}
			}
			if !slices.Equal(lost, tt.lost) {
				t.Errorf("lost %q; want %q", lost, tt.lost)
			}
		})
	}
}

// TestStalledReadersOfOtherCommands holds that no other command blocks on an output either.
func TestStalledReadersOfOtherCommands(t *testing.T) {
	for name, tt := range map[string]struct {
		args    []string
		stalled []string
		exit    engine.ExitCode
	}{
		"console":          {[]string{"console", "--port", "exec:seq 1 100000; exec sleep 1000 # write"}, []string{"stdout"}, 0},
		"console, all":     {[]string{"console", "--port", "exec:seq 1 100000; exec sleep 1000 # all"}, []string{"stdout", "stderr", "transcript"}, 0},
		"write":            {[]string{"write", "--image", "x.raw", "--to", "card.img"}, []string{"stdout", "stderr", "events"}, engine.ExitVerified},
		"verify":           {[]string{"verify", "board.lua", "--image", "x.raw", "--port", "sim:size=1"}, []string{"stdout", "stderr", "events", "transcript"}, engine.ExitFatal},
		"program":          {[]string{"run", "program.lua"}, []string{"stdout", "stderr", "events"}, engine.ExitVerified},
		"a program, loads": {[]string{"run", "loud.lua"}, []string{"stderr"}, engine.ExitVerified},
		"dry run":          {[]string{"run", "board.lua", "--image", "x.raw", "--port", "sim:", "--dry-run"}, []string{"stdout", "stderr", "events", "verdict"}, engine.ExitOutput},
		"refused":          {[]string{"run", "board.lua", "--image", "none.raw", "--port", "sim:"}, []string{"stderr", "events"}, engine.ExitPlan},
		"demo":             {[]string{"demo"}, []string{"stdout", "stderr"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := endsDir(t)
			for name, text := range map[string]string{
				"program.lua": `return function() for i = 1, 3000 do print(("x"):rep(100) .. i) end end`,
				"loud.lua":    `for i = 1, 3000 do print(("x"):rep(100) .. i) end return function() end`,
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // guards against a hang
			defer cancel()
			cmd := exec.CommandContext(ctx, "flashlua", tt.args...)
			cmd.Dir = dir
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			for _, output := range tt.stalled {
				f := fullPipe(t, filepath.Join(dir, output))
				switch output {
				case "stdout":
					cmd.Stdout = f
				case "stderr":
					cmd.Stderr = f
				default:
					cmd.Args = append(cmd.Args, "--"+output, output)
				}
			}
			cmd.Run()
			if code := engine.ExitCode(cmd.ProcessState.ExitCode()); code != tt.exit {
				t.Errorf("%v: %s; want exit %d\n%s", cmd.Args, cmd.ProcessState, tt.exit, &stderr)
			}
		})
	}
}

// TestAFIFOWithoutAReader holds that a FIFO without a reader is refused before anything is touched.
func TestAFIFOWithoutAReader(t *testing.T) {
	for _, output := range []string{"verdict", "events", "transcript"} {
		dir := workDir(t)
		if err := unix.Mkfifo(filepath.Join(dir, output), 0o600); err != nil {
			t.Fatal(err)
		}
		got := refused(t, flashlua(t, dir, "--image", "x.raw", "--port", "unix:sock", "--power", "none", "--"+output, output))
		want := fmt.Sprintf(`Error: --%[1]s %[1]s cannot be written
Caused by: open %[1]s: no such device or address
Hint: start the reader of the FIFO first, or name a file
nothing was touched: output.open (exit 2)
`, output)
		if got != want {
			t.Errorf("stderr =\n%s\nwant\n%s", got, want)
		}
	}
}

// TestSignalled sends bursts of signals, as timeout(1) and terminals do, to a run whose board is on.
func TestSignalled(t *testing.T) {
	for name, burst := range map[string][]syscall.Signal{
		"timeout":         {syscall.SIGTERM, syscall.SIGTERM},
		"a service":       {syscall.SIGTERM, syscall.SIGHUP},
		"a hangup":        {syscall.SIGHUP, syscall.SIGHUP, syscall.SIGTERM},
		"a fast keyboard": {syscall.SIGINT, syscall.SIGINT, syscall.SIGINT, syscall.SIGQUIT},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if signal.Ignored(burst[0]) {
				t.Skip("LEFT OUT: this process was started to ignore the signal")
			}
			dir := endsDir(t)
			cmd := flashlua(t, dir, "--image", "x.raw", "--port", "exec:head -c 1 >/dev/null; exec sleep 1000 # "+dir, "--power", "command:./switch.sh {}", "--out", "out")
			untilAttempt(t, cmd)
			for _, s := range burst {
				cmd.Process.Signal(s)
				syscall.Kill(-cmd.Process.Pid, s) // also to its process group
			}
			cmd.Wait()
			r := verdictOf(filepath.Join(dir, "out/verdict.json"))
			code := cmd.ProcessState.ExitCode()
			if !endedBy(code, burst) || r == nil || int(r.Exit) != code || lastPower(dir) != "off end" {
				t.Errorf("%v: %s, verdict %+v, power %q; want the exit code of one of them in both, and off", burst, cmd.ProcessState, r, lastPower(dir))
			}
		})
	}
}

// endedBy reports whether an exit code is that of one of the signals. The kernel may deliver pending signals in
// any order.
func endedBy(code int, signals []syscall.Signal) bool {
	return slices.ContainsFunc(signals, func(s syscall.Signal) bool { return code == int(engine.ExitSignal)+int(s) })
}

// holdScript is a power command that does not return while the file hold exists.
const holdScript = `#!/bin/sh
echo "$1 begin" >>power.log; while [ -e hold ]; do sleep 0.05; done; echo "$1 end" >>power.log
`

// eventually waits until a condition holds, which it must.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // guards against a hang
	defer cancel()
	for !ok() {
		if err := (clock.Real{}).Sleep(ctx, 5*time.Millisecond); err != nil {
			t.Fatal("the condition did not become true")
		}
	}
}

// TestThreeRequests holds that after the second request flashlua waits for the power driver alone, and exits at
// the third.
func TestThreeRequests(t *testing.T) {
	for name, third := range map[string]bool{"two": false, "three": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := endsDir(t)
			hold := filepath.Join(dir, "hold")
			if err := os.WriteFile(filepath.Join(dir, "switch.sh"), []byte(holdScript), 0o700); err != nil {
				t.Fatal(err)
			}
			cmd := flashlua(t, dir, "--image", "x.raw", "--port", "exec:head -c 1 >/dev/null; exec sleep 1000 # "+dir, "--power", "command:./switch.sh {}", "--out", "out", "-q")
			said, stderr, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stderr = stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			stderr.Close()
			eventually(t, func() bool { return lastPower(dir) == "on end" })
			if err := os.WriteFile(hold, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd.Process.Signal(syscall.SIGTERM)
			eventually(t, func() bool { return lastPower(dir) == "off begin" }) // the first request is handled
			clock.Real{}.Sleep(t.Context(), requestWindow)
			cmd.Process.Signal(syscall.SIGTERM)
			line, err := bufio.NewReader(said).ReadString('\n')
			if want := "SIGTERM again: waiting only for the power driver; one more signal exits at once and may leave the board on\n"; line != want {
				t.Errorf("stderr after the second request = %q, %v; want %q", line, err, want)
			}
			want := 143
			if third {
				want = 130
				clock.Real{}.Sleep(t.Context(), requestWindow)
				cmd.Process.Signal(syscall.SIGINT)
				cmd.Wait()
			}
			os.Remove(hold)
			cmd.Wait()
			eventually(t, func() bool { return lastPower(dir) == "off end" }) // the command continues after flashlua has ended
			r := verdictOf(filepath.Join(dir, "out/verdict.json"))
			if code := cmd.ProcessState.ExitCode(); code != want || (r == nil) != third {
				t.Errorf("%s, verdict %+v; want exit %d, and a verdict only after two requests", cmd.ProcessState, r, want)
			}
		})
	}
}

// TestKilledLeavesNoVerdict holds that a run removes the temporary verdict of a killed run in its directory.
func TestKilledLeavesNoVerdict(t *testing.T) {
	dir := endsDir(t)
	run := func() *exec.Cmd {
		return flashlua(t, dir, "--image", "x.raw", "--port", "sim:size=1,silent=uboot", "--out", "out", "--timeout", "100ms", "-q")
	}
	for range 3 {
		cmd := flashlua(t, dir, "--image", "x.raw", "--port", "sim:size=1,silent=uboot", "--out", "out")
		untilAttempt(t, cmd)
		cmd.Process.Kill()
		cmd.Wait()
	}
	run().Run()
	entries, err := os.ReadDir(filepath.Join(dir, "out"))
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if want := []string{"events.jsonl", "transcript.log", "verdict.json"}; !slices.Equal(got, want) {
		t.Errorf("files = %q, %v; want %q", got, err, want)
	}
}

// TestSoakEnds ends runs by one to three signals 0 to 5 s apart, while outputs stall at random. In every run the
// board must be off, and there must be a verdict unless a third request ended the process. FLASHLUA_SOAK is the
// number of runs.
func TestSoakEnds(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("FLASHLUA_SOAK"))
	if n = n / 2; n < 10 {
		n = 10
	}
	var mu sync.Mutex
	results := map[string]int{}
	seeds := make(chan int)
	var workers sync.WaitGroup
	for range 20 { // the runs mostly wait
		workers.Go(func() {
			for seed := range seeds {
				t.Run(strconv.Itoa(seed), func(t *testing.T) {
					result := endOne(t, rand.New(rand.NewPCG(uint64(seed), 2)), n > 10)
					mu.Lock()
					defer mu.Unlock()
					results[result]++
				})
			}
		})
	}
	for seed := range n {
		seeds <- seed
	}
	close(seeds)
	workers.Wait()
	t.Logf("%d runs: %v", n, results)
}

// untilItListens waits until a run creates its first file. It handles signals by then.
func untilItListens(t *testing.T, dir string, ended <-chan struct{}) {
	t.Helper()
	eventually(t, func() bool {
		select {
		case <-ended:
			t.Fatal("the process ended before it created a file")
		default:
		}
		_, err := os.Stat(filepath.Join(dir, "out"))
		return err == nil
	})
}

// TestSignalledEarly sends a signal when the first file exists: at the latest while the script is loaded.
func TestSignalledEarly(t *testing.T) {
	for range 5 {
		dir := endsDir(t)
		if err := os.WriteFile(filepath.Join(dir, "board.lua"), []byte("for i = 1, 1e12 do end return {}"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := flashlua(t, dir, "--image", "x.raw", "--port", "exec:head -c 1 >/dev/null; exec sleep 1000 # "+dir, "--power", "command:./switch.sh {}", "--out", "out")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			cmd.Wait()
		}()
		untilItListens(t, dir, ended)
		cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		r := verdictOf(filepath.Join(dir, "out/verdict.json"))
		if cmd.ProcessState.ExitCode() != 143 || r == nil || r.Exit != 143 || r.Attempt != 0 || lastPower(dir) != "" {
			t.Errorf("%s, verdict %+v, power %q; want exit 143 in both, and untouched", cmd.ProcessState, r, lastPower(dir))
		}
	}
}

// endOne is one run of TestSoakEnds. If patient, it has the longest pauses.
func endOne(t *testing.T, r *rand.Rand, patient bool) string {
	dir := endsDir(t)
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	port := "exec:" + pick("exec sleep 1000", "seq 1 30000; exec sleep 1000", "while echo U-Boot; do sleep 0.01; done", "trap '' TERM; while :; do sleep 1; done") + " # " + dir // makes the port unique
	args := []string{"run", pick("board.lua", "sim"), "--image", "x.raw", "--port", port, "--power", "command:./switch.sh {}", "--out", "out"}
	args = append(args, pick("-v", "-q"))
	cmd := exec.CommandContext(t.Context(), "flashlua", args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if patient { // after the longest pause, a third request ends flashlua while the power command runs
		cmd.Env = append(os.Environ(), "SWITCH_TIME="+pick("0.1", "0.1", "2.5", "6"))
	}
	for _, output := range []string{"events", "transcript", "stdout", "stderr"} {
		if r.IntN(3) > 0 {
			continue
		}
		switch f := fullPipe(t, filepath.Join(dir, output)); output {
		case "stdout":
			cmd.Stdout = f
		case "stderr":
			cmd.Stderr = f
		default:
			cmd.Args = append(cmd.Args, "--"+output, output)
		}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait()
	}()
	pause := func(d time.Duration) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			<-ended
			cancel()
		}()
		clock.Real{}.Sleep(ctx, d)
	}
	untilItListens(t, dir, ended)
	gap := func() time.Duration { return time.Duration(r.Int64N(int64(5 * time.Second))) }
	if !patient {
		gap = func() time.Duration { return time.Duration(r.Int64N(int64(2500 * time.Millisecond))) }
	}
	var sent []syscall.Signal
	var said []string
	for range 1 + r.IntN(3) {
		d := gap()
		pause(d)
		s := []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM, syscall.SIGQUIT}[r.IntN(3)]
		sent, said = append(sent, s), append(said, fmt.Sprintf("%s %s", d.Round(time.Millisecond), s))
		cmd.Process.Signal(s)
		if r.IntN(2) == 0 {
			syscall.Kill(-cmd.Process.Pid, s)
		}
	}
	<-ended
	if strings.HasSuffix(lastPower(dir), " begin") { // the command continues after flashlua was killed
		eventually(t, func() bool { return strings.HasSuffix(lastPower(dir), " end") })
	}
	code, verdict, power := cmd.ProcessState.ExitCode(), verdictOf(filepath.Join(dir, "out/verdict.json")), lastPower(dir)
	if power != "off end" && power != "" {
		t.Errorf("after %q of %q: last power action = %q, exit %d", said, args, power, code)
	}
	killed := len(sent) > 2 && verdict == nil
	if !killed && (!endedBy(code, sent) || verdict == nil || int(verdict.Exit) != code) {
		t.Errorf("after %q of %q: %s, verdict %+v; want the exit code of a signal in both", said, cmd.Args, cmd.ProcessState, verdict)
	}
	switch {
	case killed:
		return "killed by the third"
	case power == "":
		return "ended before the board was on"
	}
	return "ended"
}
