package engine

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// TestBuild holds what the board loads of a file: the header, the file and the appended one, the same by both ways of
// serving it, and of the size that the plan counts with.
func TestBuild(t *testing.T) {
	dir, tftp := t.TempDir(), t.TempDir()
	err := errors.Join(os.WriteFile(dir+"/zImage", []byte("kernel"), 0o600), os.WriteFile(dir+"/board.dtb", []byte("+dtb"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	header := UImage{Arch: "arm", Type: "kernel", Compression: "none", Load: 0x8000, Entry: 0x8000, Name: "zImage"}
	for name, tt := range map[string]struct {
		file File
		want string // after the header
	}{
		"plain":    {File{Path: "zImage"}, "kernel"},
		"appended": {File{Path: "zImage", Append: "board.dtb"}, "kernel+dtb"},
		"wrapped":  {File{Path: "zImage", UImage: &header}, "kernel"},
		"both":     {File{Path: "zImage", Append: "board.dtb", UImage: &header}, "kernel+dtb"},
	} {
		p := &Policy{Name: "p", Dir: dir, Files: map[string]File{"kernel": tt.file}}
		found, err := findBootFiles(t.Context(), clock.Real{}, p, Job{})
		if err != nil {
			t.Fatal(err)
		}
		f := found.files["kernel"]
		if want := tt.file.HeaderSize() + int64(len(tt.want)); f.size != want {
			t.Errorf("%s: planned size %d; want %d", name, f.size, want)
		}
		in, err := f.open(nil)
		if err != nil {
			t.Fatal(err)
		}
		served, err := io.ReadAll(io.NewSectionReader(in, 0, f.size+1))
		if in.Close(); err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(tftp, name)
		size, err := f.copyTo(to, nil)
		copied, rerr := os.ReadFile(to)
		if err := errors.Join(err, rerr); err != nil || size != f.size || !bytes.Equal(served, copied) {
			t.Errorf("%s: served %q, copied %q of %d bytes, %v; want the same", name, served, copied, size, err)
		}
		if got := string(served[tt.file.HeaderSize():]); got != tt.want {
			t.Errorf("%s: content %q; want %q", name, got, tt.want)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/uImage", []byte("\x27\x05\x19\x56..."), 0o600); err != nil {
		t.Fatal(err)
	}
	wrapped := bootFile{name: "kernel", File: File{Path: dir + "/uImage", UImage: &UImage{}}}
	if _, err := wrapped.open(nil); classify.Facts(err).Kind != classify.ConfigPolicy {
		t.Errorf("open of a uImage that is to be wrapped = %v; want an error of kind %s", err, classify.ConfigPolicy)
	}
	p := &Policy{Name: "p", Dir: dir, Files: map[string]File{"kernel": {Path: "uImage", Append: "none"}}}
	if _, err := findBootFiles(t.Context(), clock.Real{}, p, Job{}); classify.Facts(err).Kind != classify.ImageMissing {
		t.Errorf("findBootFiles without the appended file = %v; want an error of kind %s", err, classify.ImageMissing)
	}
	for name, u := range map[string]UImage{
		"arch":  {Arch: "arm7", Type: "kernel", Compression: "none"},
		"load":  {Arch: "arm", Type: "kernel", Compression: "none", Load: 1 << 32},
		"entry": {Arch: "arm", Type: "kernel", Compression: "none", Entry: 1 << 32},
	} {
		if err := u.Check(); err == nil || err.Error()[:len(name)] != name {
			t.Errorf("Check() with a wrong %s = %v; want an error that begins with it", name, err)
		}
	}
}
