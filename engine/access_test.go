package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/input"
)

// station makes a folder with files and links, and changes to it.
func station(t *testing.T) (root string) {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	for _, dir := range []string{"in/sub", "out/deep"} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"in/f", "in/f.bmap", "in/sub/f", "out/f", "out/deep/f", "f"} {
		if err := os.WriteFile(path, []byte(path), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, to := range map[string]string{
		"in/link": "../out/f", "in/dir": "../out/deep", "in/absolute": root + "/out/f", "in/chain": "link", "in/here": ".", "in/up": "..",
		"in/own": "sub/f", "in/dangling": "../out/gone", "in/loop": "loop", "in/slash": "../out/deep/", "alias": "in",
	} {
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link("out/f", "in/hard"); err != nil {
		t.Fatal(err)
	}
	return root
}

// TestRealPath compares realPath with the path that the kernel reports for the open file.
func TestRealPath(t *testing.T) {
	root := station(t)
	for _, path := range []string{
		"f", "./f", "in/f", "in//sub/./f", "in/sub/../f", "in/../f", root + "/in/f", root + "//in/../out/f", "in/link", "in/dir/f", "in/dir/../f",
		"in/absolute", "in/chain", "in/here/here/f", "in/up/f", "in/up/up/f", "in/own", "in/slash/f", "in/slash/../f", "alias/f", "alias/../f", "alias/dir/../f",
		"in/hard", "in", "in/", ".", "..", "/", "//", "/..", "/proc/self/cwd/f", "/proc/self/root" + root + "/out/f", "/proc/thread-self/cwd/in/link",
	} {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			if _, err := os.Stat(path); err == nil {
				t.Errorf("%s: %v", path, err)
			}
			continue // in/up/up/f may not be there
		}
		f := os.NewFile(uintptr(fd), path)
		want, err := whereIs(f)
		f.Close()
		if got := realPath(path); err != nil || got != want {
			t.Errorf("realPath(%q) = %q; want %q, %v", path, got, want, err)
		}
	}
	for path, want := range map[string]string{
		"gone": "/gone", "in/gone": "/in/gone", "in/dangling": "/out/gone", "in/dir/gone": "/out/deep/gone", "gone/../f": "/f", "in/gone/deeper": "/in/gone/deeper",
	} {
		if got := realPath(path); got != root+want {
			t.Errorf("realPath(%q) = %q; want %q", path, got, root+want)
		}
	}
	if got := realPath("in/loop"); !within([]string{root}, got) {
		t.Errorf("realPath(in/loop) = %q; want a path in %s", got, root)
	}
}

// TestAccess holds which files may be read, written and connected to.
func TestAccess(t *testing.T) {
	root := station(t)
	const read, write, connect = 1, 2, 4
	for _, tt := range []struct {
		access Access
		path   string
		may    int
	}{
		{Access{}, "f", 0},
		{Access{}, "/etc/passwd", 0},
		{Access{Read: []string{""}}, "f", 0},
		{Access{Read: []string{"f"}}, "f", read | connect},
		{Access{Read: []string{"in"}}, "in/f", read},
		{Access{Read: []string{"in"}}, "in/gone", read},
		{Access{Read: []string{"in"}}, "in/own", read},
		{Access{Read: []string{"in"}}, "in/hard", read}, // a hard link is the file
		{Access{Read: []string{"in/"}}, root + "/in/sub/f", read},
		{Access{Read: []string{"in"}}, "in", read | connect},
		{Access{Read: []string{"in"}}, "in/../f", 0},
		{Access{Read: []string{"in"}}, "in/link", 0},
		{Access{Read: []string{"in"}}, "in/absolute", 0},
		{Access{Read: []string{"in"}}, "in/chain", 0},
		{Access{Read: []string{"in"}}, "in/dir/f", 0},
		{Access{Read: []string{"in"}}, "in/dir/../f", 0},
		{Access{Read: []string{"in"}}, "in/dangling", 0},
		{Access{Read: []string{"in"}}, "in2", 0},
		{Access{Read: []string{"in"}}, "/proc/self/root" + root + "/out/f", 0},
		{Access{Read: []string{"in"}}, "/proc/self/root" + root + "/in/f", read},
		{Access{Read: []string{"in"}}, "/dev/fd/0", 0},
		{Access{Read: []string{"in/link"}}, "out/f", read | connect},
		{Access{Read: []string{"alias"}}, "in/f", read},
		{Access{Read: []string{"in/f"}}, "alias/f", read | connect},
		{Access{Read: []string{"in/f"}}, "in/f.bmap", read | connect},
		{Access{Read: []string{"in/f"}}, "in/sub/f", 0},
		{Access{Read: []string{"/"}}, "/etc/passwd", read},
		{Access{Write: []string{"in"}}, "in/sub/new", read | write | connect},
		{Access{Write: []string{"in/new"}}, "in/new", read | write | connect},
		{Access{Write: []string{"in/new"}}, "in/newer", 0},
		{Access{Write: []string{"in"}}, "in/link", 0},
		{Access{Write: []string{"in"}}, "in/dangling", 0},
		{Access{Write: []string{"in"}}, "out/f", 0},
		{Access{Write: []string{"in/dangling"}}, "out/gone", read | write | connect},
	} {
		g := tt.access.resolve()
		may := 0
		for bit, err := range map[int]error{read: g.canRead(tt.path), write: g.canWrite(tt.path), connect: g.canConnect(tt.path)} {
			if err == nil {
				may |= bit
			} else if f := classify.Facts(err); f.Kind != classify.ScriptGrant || !strings.Contains(f.Hint, "--allow-") {
				t.Errorf("%+v of %q: kind %s, hint %q; want script.grant and the flag", tt.access, tt.path, f.Kind, f.Hint)
			}
		}
		if may != tt.may {
			t.Errorf("%+v of %q = %03b; want %03b", tt.access, tt.path, may, tt.may)
		}
	}
	var operator *grants
	if err := errors.Join(operator.canRead("/etc/passwd"), operator.canWrite("out/f"), operator.canConnect("out/sock")); err != nil {
		t.Errorf("the operator: %v; want nil", err)
	}
}

// TestAccessFollowsTheDescriptor: an open file is checked by its own location, not by the path that opened it,
// which may have changed.
func TestAccessFollowsTheDescriptor(t *testing.T) {
	station(t)
	g := Access{Read: []string{"in"}, Write: []string{"in/sub"}}.resolve()
	open := func(path string) *os.File {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	moved, removed := open("in/sub/f"), open("in/f")
	if err := errors.Join(os.Rename("in/sub/f", "out/moved"), os.Remove("in/f")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name        string
		f           *os.File
		read, write bool
	}{
		{"of another folder", open("out/f"), false, false},
		{"by a link that leads out", open("in/link"), false, false},
		{"in the folder", open("in/hard"), true, false},
		{"moved out after it was opened", moved, false, false},
		{"removed", removed, true, false}, // it was there
		{"a pipe", r, false, false},
	} {
		if err := g.permitRead(tt.f); (err == nil) != tt.read {
			t.Errorf("permitRead of a file %s = %v; want success %t", tt.name, err, tt.read)
		}
		if err := g.permitWrite(tt.f); (err == nil) != tt.write {
			t.Errorf("permitWrite of a file %s = %v; want success %t", tt.name, err, tt.write)
		}
	}
	if err := syscall.Mkfifo("in/fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := g.open("in/fifo"); !errors.Is(err, input.ErrNotRegular) { // and it does not wait
		t.Errorf("open of a FIFO = %v; want %v", err, input.ErrNotRegular)
	}
	if f, err := g.openWrite("in/sub/new"); err != nil {
		t.Errorf("openWrite = %v; want nil", err)
	} else {
		f.Close()
	}
	if _, err := g.openWrite("in/dangling"); err == nil {
		t.Error("openWrite of a link that leads out = nil; want an error")
	}
	if _, err := os.Lstat("out/gone"); err == nil {
		t.Error("out/gone exists; want that the refused file was not created")
	}
}

// TestProgramWithoutAccess: with the zero Access, a program is refused every file and every socket, before
// anything is touched.
func TestProgramWithoutAccess(t *testing.T) {
	station(t)
	policy := &Policy{Files: map[string]File{"kernel": {Path: "out/f"}}, Targets: map[string]Target{"disk": {Path: "/dev/vda"}}}
	for name, do := range map[string]func(ctx context.Context, p *Program) error{
		"Image": func(ctx context.Context, p *Program) error { _, err := p.Image(ctx, "f", ""); return err },
		"WriteDevice's image": func(ctx context.Context, p *Program) error {
			return p.WriteDevice(ctx, p.NewRun(), WriteJob{Image: "f", To: "/dev/null"}).Err
		},
		"WriteDevice's target": func(ctx context.Context, p *Program) error {
			return p.WriteDevice(ctx, p.NewRun(), WriteJob{Image: "http://127.0.0.1:1/x", To: "out/f"}).Err
		},
		"Flash's image": func(ctx context.Context, p *Program) error {
			return p.Flash(ctx, p.NewRun(), &Policy{}, Job{Image: "f"}).Err
		},
		"Flash's part": func(ctx context.Context, p *Program) error {
			return p.Flash(ctx, p.NewRun(), &Policy{}, Job{Parts: []Part{{Image: "f"}}}).Err
		},
		"Flash's boot files": func(ctx context.Context, p *Program) error {
			return p.Flash(ctx, p.NewRun(), policy, Job{Image: "-"}).Err
		},
		"Flash's appended file": func(ctx context.Context, p *Program) error {
			files := map[string]File{"kernel": {Path: "/dev/null", Append: "out/f"}}
			return p.Flash(ctx, p.NewRun(), &Policy{Files: files, Targets: policy.Targets}, Job{Image: "-"}).Err
		},
		"Flash's replaced file": func(ctx context.Context, p *Program) error {
			return p.Flash(ctx, p.NewRun(), policy, Job{Image: "-", Files: map[string]string{"kernel": "out/f"}}).Err
		},
		"Flash's port": func(ctx context.Context, p *Program) error {
			return p.Flash(ctx, p.NewRun(), &Policy{}, Job{Image: "-", Port: "unix:f"}).Err
		},
		"Flash's power": func(ctx context.Context, p *Program) error {
			return p.Flash(ctx, p.NewRun(), &Policy{}, Job{Image: "-", Power: "qmp:f"}).Err
		},
		"Open": func(ctx context.Context, p *Program) error { _, err := p.Open(ctx, "unix:f", Console{}); return err },
		"Power": func(ctx context.Context, p *Program) error {
			_, err := p.Power(ctx, "qmp:./f", PowerAfter{}, 0)
			return err
		},
		"OpenFile": func(_ context.Context, p *Program) error { _, err := p.OpenFile("f"); return err },
		"Simulate": func(ctx context.Context, p *Program) error {
			return p.Flash(ctx, p.NewRun(), &Policy{Targets: policy.Targets}, Job{Image: "-", Port: "sim:size=1,dir=out"}).Err
		},
	} {
		r := Engine{}.RunProgram(t.Context(), ProgramJob{}, do)
		if r.Kind != string(classify.ScriptGrant) || r.Exit != ExitPlan || !strings.Contains(r.Hint, "--allow-") {
			t.Errorf("%s: exit %d, kind %s, %v, hint %q; want exit 2, script.grant", name, r.Exit, r.Kind, r.Err, r.Hint)
		}
	}
	if got, err := os.ReadFile("out/f"); string(got) != "out/f" {
		t.Errorf("out/f = %q, %v; want out/f, unchanged", got, err)
	}
	if all, _ := filepath.Glob("out/*.img"); len(all) > 0 {
		t.Errorf("media of a simulated board = %v; want none", all)
	}
}

// TestSocketOf holds which addresses are paths of sockets.
func TestSocketOf(t *testing.T) {
	for spec, want := range map[string]string{
		"unix:/run/x": "/run/x", "unix:x": "x", "unix:a:1": "a:1", "qmp:/run/x": "/run/x", "qmp:x": "x", "qmp:./a:1": "./a:1", "qmp:host:4444": "", "qmp:[::1]:4444": "",
		"tcp:host:1": "", "serial:/dev/ttyS0": "", "exec:cat /run/x": "", "none": "", "": "",
	} {
		if got := socketOf(spec); got != want {
			t.Errorf("socketOf(%q) = %q; want %q", spec, got, want)
		}
	}
}

// TestAccessIsCheckedWhenAFileIsOpened: a file that was allowed by its path is checked again by its descriptor
// when it is opened.
func TestAccessIsCheckedWhenAFileIsOpened(t *testing.T) {
	root := station(t)
	e := Engine{grants: Access{Read: []string{"in"}}.resolve()}
	tftp := t.TempDir()
	policy := func(path string) *Policy {
		return &Policy{
			Name: "b", Targets: map[string]Target{"disk": {Path: "/dev/vda"}}, Files: map[string]File{"kernel": {Path: path}},
			Flash: func(context.Context, *Session) error { return nil },
		}
	}
	run := func(path, dir string) error {
		return e.Run(t.Context(), policy(path), Job{Image: "in/image.raw", TFTPDir: dir, Port: "sim:size=1"}).Err
	}
	if err := os.WriteFile("in/image.raw", []byte("imag\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"the target of a write":    e.Write(t.Context(), WriteJob{Image: "in/image.raw", To: "out/f"}).Err,
		"the new file of a write":  e.Write(t.Context(), WriteJob{Image: "in/image.raw", To: "out/new"}).Err,
		"the image of a flash":     e.Run(t.Context(), policy("in/f"), Job{Image: "out/f", Power: "none", DryRun: true}).Err,
		"a boot file, by TFTP":     run(root+"/out/f", ""),
		"a boot file, by a folder": run(root+"/out/f", tftp),
	} {
		if f := classify.Facts(err); f.Kind != classify.ScriptGrant {
			t.Errorf("%s: kind %s, %v; want script.grant", name, f.Kind, err)
		}
	}
	for path, want := range map[string]string{"out/f": "out/f", "out/new": ""} {
		if got, _ := os.ReadFile(path); string(got) != want {
			t.Errorf("%s is %q; want %q", path, got, want)
		}
	}
	if left, _ := filepath.Glob(tftp + "/*/*"); len(left) > 0 {
		t.Errorf("files in the folder of the TFTP server = %q; want none", left)
	}
}
