package flash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/serve"
)

// TestMain adapts the helper to this machine: a file stands for the medium, and the disks of other processes are
// not synced.
func TestMain(m *testing.M) {
	helper = strings.ReplaceAll(helper, "\n\tsync\n", "\n\ttrue\n")
	helper = strings.ReplaceAll(helper, "/.flashlua", fmt.Sprint("/.flashlua-", os.Getpid())) // for concurrent test processes
	helper = strings.ReplaceAll(helper, "[ -b \"$dev\" ]", "[ -e \"$dev\" ]")
	code := m.Run()
	os.RemoveAll(appletDir)
	os.Exit(code)
}

// hostShell runs on this machine what a board would run, with the programs of busybox alone.
type hostShell struct {
	t      *testing.T
	dir    string // of its programs; shared, unless a test made one of its own
	prefix string // put before each command
	shell  []string
	helper string // what the variable of the helper holds
}

// appletDir is the shared folder of busybox's applets, "" until a test needs it.
var appletDir string

// applets returns a folder with the applets of busybox and nothing else. All tests share it: none may change it.
func applets(t *testing.T) string {
	if appletDir != "" {
		return appletDir
	}
	dir, err := os.MkdirTemp("", "flashlua-applets-*")
	if err != nil {
		t.Fatal(err)
	}
	installBusybox(t, dir)
	appletDir = dir
	return dir
}

// installBusybox makes a link for each applet of busybox.
func installBusybox(t *testing.T, dir string) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		os.RemoveAll(dir)
		t.Skip("LEFT OUT: busybox is not installed")
	}
	if out, err := exec.Command(path, "--install", "-s", dir).CombinedOutput(); err != nil {
		t.Fatalf("busybox --install: %v\n%s", err, out)
	}
}

// busybox returns a folder of applets that the test may change.
func busybox(t *testing.T) string {
	dir := t.TempDir()
	installBusybox(t, dir)
	return dir
}

// newHostShell returns a board with the shared applets.
func newHostShell(t *testing.T) *hostShell {
	return hostShellIn(t, applets(t))
}

// hostShellIn returns a board with the programs of a folder.
func hostShellIn(t *testing.T, dir string) *hostShell {
	return &hostShell{t: t, dir: dir, prefix: "PATH=" + dir + "; ", shell: []string{"busybox", "sh", "-c"}}
}

// Exec implements Shell.
func (h *hostShell) Exec(ctx context.Context, cmd console.Command) (console.Result, error) {
	// A board's shell keeps the helper in a variable.
	text, loads := cmd.Text, strings.HasPrefix(cmd.Text, "export FL=")
	if !loads {
		text = `fj(){ sh -c "$FL" fl $1;};` + text
	}
	if loads {
		text += `; printf %s "$FL" >&3`
	}
	c := exec.CommandContext(ctx, h.shell[0], append(h.shell[1:], h.prefix+text)...)
	c.Env = []string{"FL=" + h.helper}
	if loads {
		kept, err := os.CreateTemp(h.t.TempDir(), "")
		if err != nil {
			return console.Result{}, err
		}
		c.ExtraFiles = []*os.File{kept}
		defer func() {
			b, _ := os.ReadFile(kept.Name())
			h.helper = string(b)
			kept.Close()
		}()
	}
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return console.Result{Output: string(out), Code: c.ProcessState.ExitCode()}, err
}

// newDUT returns a flasher for a board, and what cuts its connections.
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
	mu  sync.Mutex // guards what follows
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

// cut closes all connections.
func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.all {
		conn.Close()
	}
}

// write writes an image through a board's shell.
func write(t *testing.T, d *ShellFlasher, m Medium, im Image) (*ShellWriter, error) {
	w := d.NewWriter(m, im)
	return w, w.Write(t.Context())
}

// verify reads an image back through a board's shell.
func verify(t *testing.T, d *ShellFlasher, m Medium, im Image) (Receipt, error) {
	return d.NewWriter(m, im).Verify(t.Context())
}

// mediumOn returns a file as the medium of a board.
func mediumOn(path string, size int64) Medium {
	return Medium{Target: Target{Name: "disk", Path: path}, Device: path, Size: size, Sector: 512}
}

// medium returns a file full of 0xff as the medium of a board.
func medium(t *testing.T, size int64) Medium {
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, bytes.Repeat([]byte{0xff}, int(size)), 0o600); err != nil {
		t.Fatal(err)
	}
	return Medium{Target: Target{Name: "disk", Path: path}, Device: path, Size: size, Sector: 512}
}

// holding returns a file with a content as the medium of a board.
func holding(t *testing.T, content []byte) Medium {
	m := medium(t, int64(len(content)))
	if err := os.WriteFile(m.Device, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

// withCurl adds curl, which busybox does not have, to a folder of applets.
func withCurl(t *testing.T, dir string) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("LEFT OUT: curl is not installed")
	}
	if err := os.Symlink(curl, filepath.Join(dir, "curl")); err != nil {
		t.Fatal(err)
	}
}

// oldBusybox returns a board whose dd knows neither full blocks nor direct access, and that has no file system in
// RAM.
func oldBusybox(t *testing.T) *hostShell {
	if os.Getuid() != 0 {
		t.Skip("LEFT OUT: not root: the kernel's cache cannot be dropped")
	}
	const refuse = "case \"$*\" in %s) echo invalid >&2; exit 1;; esac\nexec busybox %s \"$@\"\n"
	return otherBusybox(t, map[string]string{
		"dd":   fmt.Sprintf(refuse, "*fullblock*|*direct*|*fsync*", "dd"),
		"grep": fmt.Sprintf(refuse, "*Mem*|*tmpfs*|*rootfs*", "grep"),
	})
}

// otherBusybox returns a board on which some programs are scripts.
func otherBusybox(t *testing.T, programs map[string]string) *hostShell {
	dash, err := exec.LookPath("dash")
	if err != nil {
		t.Skip("LEFT OUT: dash is not installed")
	}
	dir := busybox(t)
	for name, script := range programs {
		path := filepath.Join(dir, name)
		os.Remove(path)
		put(t, path, []byte("#!"+dash+"\n"+script))
		if err := os.Chmod(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	os.Remove(filepath.Join(dir, "sh")) // busybox's own shell prefers its own dd
	if err := os.Symlink(dash, filepath.Join(dir, "sh")); err != nil {
		t.Fatal(err)
	}
	return &hostShell{t: t, prefix: "export PATH=" + dir + "; ", shell: []string{dash, "-c"}}
}
