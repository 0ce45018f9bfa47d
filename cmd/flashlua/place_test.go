package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/testdata/built"
	lab "github.com/flashlua/flashlua/testdata/labgrid"
)

// benchBoard is a simulated board whose power switch is that of a rack.
type benchBoard struct {
	port string // tcp:HOST:PORT, or serial:/dev/…
	pdu  string // URL of the rack

	mu       sync.Mutex // mu guards what follows
	switched []string
}

// startBenchBoard starts a simulated board with its console at listen.
func startBenchBoard(t *testing.T, listen, settings string) *benchBoard {
	sim := exec.CommandContext(t.Context(), "flashlua", "sim", "--listen", listen, "--set", settings)
	b := &benchBoard{}
	port, power := offered(t, sim)
	rack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state := path.Base(r.URL.Path)
		if body, _ := io.ReadAll(r.Body); state == "ubus" { // of a switch that labgrid-client switches
			state = map[bool]string{true: "on", false: "off"}[strings.Contains(string(body), `"enable": true`)]
			defer io.WriteString(w, `{"result":[0]}`)
		}
		resp, err := http.Get(strings.Replace(power, "{}", state, 1))
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		resp.Body.Close()
		b.mu.Lock()
		defer b.mu.Unlock()
		b.switched = append(b.switched, state)
	}))
	t.Cleanup(rack.Close)
	b.port, b.pdu = port, rack.URL
	return b
}

// states returns the states to which the board was switched, in order.
func (b *benchBoard) states() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.switched, " ")
}

// resources returns what an exporter provides of the board.
func (b *benchBoard) resources() []lab.Resource {
	console := lab.Resource{Group: "a", Name: "console", Class: "NetworkSerialPort"}
	if device, ok := strings.CutPrefix(b.port, "serial:"); ok {
		console.Class, console.Params = "RawSerialPort", map[string]any{"port": device}
	} else {
		var port int
		fmt.Sscanf(b.port, "tcp:127.0.0.1:%d", &port)
		console.Params = map[string]any{"host": "127.0.0.1", "port": port, "protocol": "raw"}
	}
	return []lab.Resource{console, {Group: "a", Name: "pdu", Class: "PDUDaemonPort", Params: map[string]any{"host": b.pdu, "pdu": "rack", "index": 1}}}
}

var bench1 = lab.Setup{Place: "bench-1", Matches: []string{lab.Exporter + "/a/*"}, Tags: map[string]string{"board": "sim"}}

// atBench returns a run of flashlua at a place of the lab, as the user here/me.
func atBench(t *testing.T, l lab.Lab, dir, command, place string, more ...string) *exec.Cmd {
	args := append([]string{command, "sim", "--image", "x.raw", "--place", place, "--set", "power.off_time=1ms", "--verdict", "verdict.json"}, more...)
	cmd := exec.CommandContext(t.Context(), "flashlua", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LG_COORDINATOR="+l.Address(), "LG_HOSTNAME=here", "LG_USERNAME=me")
	return cmd
}

// wantRun runs a command and checks its exit code and texts on its standard error.
func wantRun(t *testing.T, cmd *exec.Cmd, exit int, words ...string) {
	t.Helper()
	out, _ := cmd.CombinedOutput()
	checkRun(t, cmd, string(out), exit, words...)
}

func checkRun(t *testing.T, cmd *exec.Cmd, out string, exit int, words ...string) {
	t.Helper()
	if got := cmd.ProcessState.ExitCode(); got != exit {
		t.Errorf("%q exits with %d; want %d\n%s", cmd.Args, got, exit, out)
	}
	for _, word := range words {
		if !strings.Contains(out, word) {
			t.Errorf("%q prints\n%s\nwant it to contain %q", cmd.Args, out, word)
		}
	}
}

func wantFree(t *testing.T, l lab.Lab) {
	t.Helper()
	if holder := lab.Holder(t, l, bench1.Place); holder != "" {
		t.Errorf("holder of %s = %q; want none", bench1.Place, holder)
	}
}

// TestFlashAtPlace flashes and verifies a board at a place of a coordinator.
func TestFlashAtPlace(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		flashAtPlace(t, start, "tcp:127.0.0.1:0")
	})
	t.Run("ser2net", func(t *testing.T) { flashAtPlace(t, lab.StartReal, "pty") }) // only a real exporter starts it
}

// flashAtPlace flashes and verifies a board that has its console at listen.
func flashAtPlace(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab, listen string) {
	dir := workDir(t)
	b := startBenchBoard(t, listen, "size=1")
	l := start(t, b.resources()...)
	lab.AddPlaces(t, l, bench1)
	wantRun(t, atBench(t, l, dir, "run", "labgrid:bench-1", "--dry-run"), 0, "planned")
	if got := b.states(); got != "" {
		t.Errorf("states of the power after the dry run = %q; want none", got)
	}
	wantRun(t, atBench(t, l, dir, "run", "labgrid:bench-1"), 0, "acquired the labgrid place bench-1", "verified")
	wantFree(t, l)
	wantRun(t, atBench(t, l, dir, "verify", "labgrid:+board=sim"), 0, "verified")
	wantFree(t, l)
	if got := b.states(); got != "off on off off on off" {
		t.Errorf("states of the power = %q; want off on off for each run", got)
	}
}

// refusedNow is the exit code of a run that touched nothing because of the state of the lab.
const refusedNow = 75

// TestRefusedPlaces holds that a place that cannot be used ends the run before the board is touched.
func TestRefusedPlaces(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		dir := workDir(t)
		b := startBenchBoard(t, "tcp:127.0.0.1:0", "size=1")
		l := start(t, b.resources()...)
		lab.AddPlaces(t, l, bench1)
		wantRun(t, atBench(t, l, dir, "run", "labgrid:bench"), 2, `no place "bench"`, "similar names are bench-1", "nothing was touched: labgrid.place")
		wantRun(t, atBench(t, l, dir, "run", "bench-1"), 2, "write labgrid:NAME", "nothing was touched: usage")
		wantRun(t, atBench(t, l, dir, "run", "labgrid:bench-1", "--port", "sim:"), 2, "exclude each other", "nothing was touched: usage")
		missing := atBench(t, l, dir, "run", "labgrid:bench-1")
		missing.Args[slices.Index(missing.Args, "x.raw")] = "missing.raw"
		wantRun(t, missing, 2, "nothing was touched: image.missing")
		wantFree(t, l)
		if err := lab.Connect(t, l, "there/other").Acquire("bench-1"); err != nil {
			t.Fatal(err)
		}
		wantRun(t, atBench(t, l, dir, "run", "labgrid:bench-1"), refusedNow, "held by there/other", "nothing was touched: labgrid.held")
		l.KillCoordinator()
		wantRun(t, atBench(t, l, dir, "run", "labgrid:bench-1"), refusedNow, "cannot reach the labgrid coordinator", "nothing was touched: labgrid.away")
		if got := b.states(); got != "" {
			t.Errorf("states of the power = %q; want none", got)
		}
	})
}

// TestPlaceTakenInTheMiddle holds that the run ends when someone else takes the place, and does not switch the
// board.
func TestPlaceTakenInTheMiddle(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		dir := workDir(t)
		b := startBenchBoard(t, "tcp:127.0.0.1:0", "size=1,silent=linux")
		l := start(t, b.resources()...)
		lab.AddPlaces(t, l, bench1)
		u := lab.Connect(t, l, "there/other")
		cmd := atBench(t, l, dir, "run", "labgrid:bench-1")
		out := built.Follow(t, cmd, "load  ", func() {
			if err := u.Release("bench-1"); err != nil {
				t.Error(err)
			}
			if err := u.Acquire("bench-1"); err != nil {
				t.Error(err)
			}
		})
		checkRun(t, cmd, out, 3, "bench-1 was", "labgrid.lost")
		if got := b.states(); got != "off on" {
			t.Errorf("states of the power = %q; want off on, because the board is another user's then", got)
		}
		if holder := lab.Holder(t, l, "bench-1"); holder != "there/other" {
			t.Errorf("holder = %q; want there/other", holder)
		}
	})
}

// TestInterruptedAtPlace holds that an interrupted run switches the board off and releases the place.
func TestInterruptedAtPlace(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		dir := workDir(t)
		b := startBenchBoard(t, "tcp:127.0.0.1:0", "size=1,silent=linux")
		l := start(t, b.resources()...)
		lab.AddPlaces(t, l, bench1)
		cmd := atBench(t, l, dir, "run", "labgrid:bench-1")
		out := built.Follow(t, cmd, "load  ", func() { cmd.Process.Signal(syscall.SIGINT) })
		checkRun(t, cmd, out, 130, "interrupted by SIGINT")
		if got := b.states(); got != "off on off" {
			t.Errorf("states of the power = %q; want off on off", got)
		}
		wantFree(t, l)
	})
}

// TestCoordinatorLostInTheMiddle holds that a run goes on without its coordinator, and says what stays to be done.
func TestCoordinatorLostInTheMiddle(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		dir := workDir(t)
		b := startBenchBoard(t, "tcp:127.0.0.1:0", "size=1")
		l := start(t, b.resources()...)
		lab.AddPlaces(t, l, bench1)
		cmd := atBench(t, l, dir, "run", "labgrid:bench-1")
		out := built.Follow(t, cmd, "uboot  ", l.KillCoordinator)
		checkRun(t, cmd, out, 0, "goes on without the coordinator", "could not be released")
		verdict, err := os.ReadFile(filepath.Join(dir, "verdict.json"))
		if err != nil || !strings.Contains(string(verdict), "could not be released") {
			t.Errorf("verdict = %s, %v; want the place that could not be released", verdict, err)
		}
	})
}

// TestExporterLostInTheMiddle holds that the loss of the exporter's console ends the attempts with an error of the
// console.
func TestExporterLostInTheMiddle(t *testing.T) {
	lab.Require(t)
	dir := workDir(t)
	b := startBenchBoard(t, "pty", "size=1")
	l := lab.StartReal(t, b.resources()...)
	lab.AddPlaces(t, l, bench1)
	cmd := atBench(t, l, dir, "run", "labgrid:bench-1", "--set", "console.reopen=1s", "--retries", "1")
	out := built.Follow(t, cmd, "uboot  ", l.KillExporter)
	checkRun(t, cmd, out, 4, "transport.")
	wantFree(t, l)
	if got := b.states(); !strings.HasSuffix(got, "off") {
		t.Errorf("states of the power = %q; want off at last", got)
	}
}

// TestExporterRestartsInTheMiddle holds that the console is opened at its new port when the exporter has come
// back.
func TestExporterRestartsInTheMiddle(t *testing.T) {
	lab.Require(t)
	dir := workDir(t)
	b := startBenchBoard(t, "pty", "size=1")
	l := lab.StartReal(t, b.resources()...)
	lab.AddPlaces(t, l, bench1)
	cmd := atBench(t, l, dir, "run", "labgrid:bench-1", "--set", "console.reopen=2m", "--set", "limits.attempt=4m")
	out := built.Follow(t, cmd, "uboot  ", func() {
		l.KillExporter()
		l.(lab.Restarter).RestartExporter()
	})
	checkRun(t, cmd, out, 0, "power off")
	wantFree(t, l)
}

// TestPowerByLabgridClient holds that the power of other models is switched by labgrid-client.
func TestPowerByLabgridClient(t *testing.T) {
	source := lab.Require(t)
	dir := workDir(t)
	b := startBenchBoard(t, "tcp:127.0.0.1:0", "size=1")
	all := b.resources()
	all[1] = lab.Resource{Group: "a", Name: "switch", Class: "NetworkPowerPort", Params: map[string]any{"model": "ubus", "host": b.pdu + "/ubus", "index": 1}}
	l := lab.StartReal(t, all...)
	lab.AddPlaces(t, l, bench1)
	bin := t.TempDir()
	script := "#!/bin/sh\nexec /usr/bin/python3 -m labgrid.remote.client \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "labgrid-client"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := atBench(t, l, dir, "run", "labgrid:bench-1")
	cmd.Env = append(append(lab.Environment(t, l.Address()), cmd.Env[len(cmd.Env)-2:]...), "PATH="+bin+":"+os.Getenv("PATH"))
	wantRun(t, cmd, 0, "verified")
	if got := b.states(); got != "off on off" {
		t.Errorf("states of the power = %q (labgrid of %s); want off on off", got, source)
	}
}

// TestStationsAtPlaces flashes a station that is at a place, by itself and beside another one.
func TestStationsAtPlaces(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		dir := workDir(t)
		b := startBenchBoard(t, "tcp:127.0.0.1:0", "size=1")
		l := start(t, b.resources()...)
		lab.AddPlaces(t, l, bench1)
		stations := `return { defaults = { retries = 0 }, stations = {
			a = { board = "sim", labgrid = "bench-1", set = { ["power.off_time"] = "1ms" } }, b = { board = "sim", port = "sim:" } } }`
		if err := os.WriteFile(filepath.Join(dir, "lab.lua"), []byte(stations), 0o600); err != nil {
			t.Fatal(err)
		}
		run := func(args ...string) *exec.Cmd {
			cmd := atBench(t, l, dir, "", "")
			cmd.Args = slices.Concat(cmd.Args[:1], args, []string{"--image", "x.raw"})
			return cmd
		}
		wantRun(t, run("run", "a", "b", "--out", "out"), 0, "acquired the labgrid place bench-1", "verified: 2 of 2 stations")
		wantFree(t, l)
		wantRun(t, run("verify", "a"), 0, "acquired the labgrid place bench-1", "verified")
		wantFree(t, l)
		if got := b.states(); got != "off on off off on off" {
			t.Errorf("states of the power = %q; want off on off for each run", got)
		}
		if err := lab.Connect(t, l, "there/other").Acquire("bench-1"); err != nil {
			t.Fatal(err)
		}
		wantRun(t, run("run", "a", "b", "--out", "out"), refusedNow, "held by there/other", "1 of 2 stations verified")
	})
}

// TestCompletePlaces holds that the values of --place are completed from the coordinator that the environment
// names, and that the completion is silent without one, and ends if none answers.
func TestCompletePlaces(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		l := start(t)
		lab.AddPlaces(t, l, bench1, lab.Setup{Place: "bench-2", Tags: map[string]string{"board": "sim", "arch": "arm64"}})
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		for address, want := range map[string]string{
			l.Address():               "labgrid:bench-1\nlabgrid:bench-2\nlabgrid:+arch=arm64\nlabgrid:+board=sim\n",
			silent.Addr().String():    "",
			"127.0.0.1:1":             "",
			"":                        "",
			"no address\x00 at all:x": "",
		} {
			var stdout, stderr strings.Builder
			env := Env{
				Args: []string{"flashlua", "run", "sim", "--place", "", "--generate-bash-completion"}, Stdout: &stdout, Stderr: &stderr,
				Getenv: func(name string) string {
					return map[string]string{"LG_COORDINATOR": address, "LG_USERNAME": "me"}[name]
				},
			}
			if code := env.run(); code != noFiles || stdout.String() != want || stderr.String() != "" {
				t.Errorf("completion of --place with LG_COORDINATOR=%q = %d, %q, %q; want %d, %q", address, code, &stdout, &stderr, noFiles, want)
			}
		}
	})
}
