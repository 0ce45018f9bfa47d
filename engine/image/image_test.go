package image

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

func write(t *testing.T, name, content string) string {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpen(t *testing.T) {
	im, err := Open(t.Context(), write(t, "x.raw", "abc"))
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-4
	if im.Size() != 3 || im.SHA256() != want {
		t.Errorf("Open = %d bytes, %s", im.Size(), im.SHA256())
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		path string
		kind classify.Kind
		text string
	}{
		{"/no/such/image", classify.ImageMissing, "/no/such/image"},
		{t.TempDir(), classify.ImageMissing, "not a regular file"},
		{write(t, "empty", ""), classify.ImageEmpty, "empty"},
		{write(t, "a.raw", "\x1f\x8b\x08"), classify.ImageFormat, "gzip"},
		{write(t, "a.img", "\xfd7zXZ\x00\x00"), classify.ImageFormat, "xz"},
		{write(t, "a", "\x28\xb5\x2f\xfd"), classify.ImageFormat, "zstd"},
		{write(t, "a", "BZh9"), classify.ImageFormat, "bzip2"},
		{write(t, "a", "\x04\x22\x4d\x18rest"), classify.ImageFormat, "lz4"},
		{write(t, "a", "\x3a\xff\x26\xedrest"), classify.ImageFormat, "Android sparse"},
	} {
		_, err := Open(t.Context(), tt.path)
		if f := classify.Facts(err); f.Kind != tt.kind || f.Class != classify.NonRetryable || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("Open(%s) = %v of kind %s; want %q of kind %s", tt.path, err, f.Kind, tt.text, tt.kind)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	if _, err := Open(ctx, write(t, "x", "abc")); !errors.Is(err, stop) {
		t.Errorf("cancelled Open = %v", err)
	}
}

func TestUnchanged(t *testing.T) {
	path := write(t, "x.raw", "abc")
	im, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if err := im.Unchanged(); err != nil {
		t.Errorf("Unchanged = %v", err)
	}
	if err := os.WriteFile(path, []byte("abcd"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := im.Unchanged(); classify.Facts(err).Kind != classify.ImageChanged {
		t.Errorf("Unchanged after a change = %v", err)
	}
	os.Remove(path)
	if err := im.Unchanged(); classify.Facts(err).Kind != classify.ImageChanged {
		t.Errorf("Unchanged after removal = %v", err)
	}
}
