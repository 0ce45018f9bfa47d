package labgrid

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// realLab is labgrid's own coordinator and exporter.
type realLab struct {
	address               string
	coordinator, exporter *process
	startExporter         func(line func(string)) *process
}

func (l *realLab) Address() string  { return l.address }
func (l *realLab) KillCoordinator() { l.coordinator.kill() }
func (l *realLab) KillExporter()    { l.exporter.kill() }
func (l *realLab) RestartExporter() { l.exporter = l.startExporter(nil) }

// Restarter is a lab whose exporter can be started again.
type Restarter interface{ RestartExporter() }

// Require returns the directory of labgrid's sources, or leaves the test out.
func Require(t *testing.T) string {
	dir := os.Getenv("FLASHLUA_LABGRID")
	if dir == "" {
		t.Skip("LEFT OUT: the real labgrid; set FLASHLUA_LABGRID to a checkout of labgrid 25 or newer, see docs/labgrid.md")
	}
	return dir
}

// python is where the packages of a distribution are.
const python = "/usr/bin/python3"

// Environment returns the variables with which labgrid of a checkout runs.
func Environment(t *testing.T, address string) []string {
	shim := filepath.Join(t.TempDir(), "shim")
	// The coordinator imports reflection for grpcurl, which Debian does not package.
	pkg := filepath.Join(shim, "grpc_reflection", "v1alpha")
	if err := os.MkdirAll(pkg, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(shim, "grpc_reflection", "__init__.py"): "",
		filepath.Join(pkg, "__init__.py"):                     "",
		filepath.Join(pkg, "reflection.py"):                   "SERVICE_NAME = ''\n\n\ndef enable_server_reflection(names, server):\n    pass\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return append(os.Environ(), "PYTHONPATH="+Require(t)+":"+shim, "PYTHONDONTWRITEBYTECODE=1", "LG_COORDINATOR="+address)
}

// StartReal starts labgrid's coordinator and exporter until the test ends. It leaves the test out without labgrid.
func StartReal(t *testing.T, all ...Resource) Lab {
	Require(t)
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	env := Environment(t, address)
	lab := &realLab{address: address}
	lab.coordinator = start(t, dir, env, nil, "labgrid.remote.coordinator", "-l", address)
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			break
		}
		select {
		case <-lab.coordinator.ended:
			t.Fatalf("labgrid's coordinator ended:\n%s", lab.coordinator.output())
		default:
		}
	}
	config := map[string]map[string]map[string]any{}
	for _, r := range all {
		if config[r.Group] == nil {
			config[r.Group] = map[string]map[string]any{}
		}
		params := map[string]any{"cls": r.Class}
		for key, value := range r.Params {
			params[key] = value
		}
		config[r.Group][r.Name] = params
	}
	text, err := json.Marshal(config) // which is YAML
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "exporter.yaml"), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	added := make(chan struct{})
	seen := 0
	lab.startExporter = func(line func(string)) *process {
		return start(t, dir, env, line, "labgrid.remote.exporter", "-n", Exporter, "--hostname", "127.0.0.1", "exporter.yaml")
	}
	lab.exporter = lab.startExporter(func(line string) {
		if strings.Contains(line, "queued update for resource") {
			if seen++; seen == len(all) {
				close(added)
			}
		}
	})
	if len(all) == 0 {
		return lab
	}
	select {
	case <-added:
	case <-lab.exporter.ended:
		t.Fatalf("labgrid's exporter ended:\n%s", lab.exporter.output())
	}
	awaitResources(t, lab, len(all))
	return lab
}

// awaitResources waits until the coordinator has the resources of the exporter.
func awaitResources(t *testing.T, lab Lab, count int) {
	t.Helper()
	for {
		c := dial(t, lab.Address())
		in, out := io.Pipe()
		go func() {
			out.Write(frame(inner(nil, 2, text(text(nil, 1, "test"), 2, "setup/setup"))))
			out.Write(frame(inner(nil, 3, number(nil, 3, 1))))
			out.Write(frame(inner(nil, 1, number(nil, 1, 1))))
		}()
		resp, err := c.http.RoundTrip(c.request("ClientStream", in))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for synced := false; !synced; {
			m, err := readMessage(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range split(m) {
				synced = synced || f.id == 1
				if f.id == 2 {
					found++
				}
			}
		}
		out.Close()
		resp.Body.Close()
		c.Close()
		if found >= count {
			return
		}
	}
}

// process is a program of labgrid with all that it starts.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when its output has ended and it was reaped

	mu   sync.Mutex // mu guards what follows
	text strings.Builder
}

// start starts a module of Python until the test ends. It calls line with each line of its output.
func start(t *testing.T, dir string, env []string, line func(string), module string, args ...string) *process {
	p := &process{cmd: exec.Command(python, append([]string{"-u", "-m", module}, args...)...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, env
	// A process group, because ser2net outlives an exporter that is killed. A killed test run leaves no server.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // Pdeathsig is sent when the starting thread ends
		started <- p.cmd.Start()
		<-p.ended
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	w.Close()
	go func() {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			p.mu.Lock()
			fmt.Fprintln(&p.text, lines.Text())
			p.mu.Unlock()
			if line != nil {
				line(lines.Text())
			}
		}
		r.Close()
		p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			text := p.output()
			t.Logf("the last output of %s:\n%s", module, text[max(0, len(text)-1500):])
		}
	})
	return p
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// kill kills the process and all that it started.
func (p *process) kill() {
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}
