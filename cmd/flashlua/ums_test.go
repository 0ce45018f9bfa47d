package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUMS runs the example that writes a medium which U-Boot exposes over USB.
func TestUMS(t *testing.T) {
	t.Parallel()
	dir := workDir(t)
	image := bytes.Repeat([]byte("imag\x00\xff"), 100_000)
	if err := os.WriteFile(filepath.Join(dir, "x.raw"), image, 0o600); err != nil {
		t.Fatal(err)
	}
	example, err := filepath.Abs("../../scripts/examples/ums.lua")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "flashlua", "run", example, "--image", "x.raw", "--port", "sim:size=1,dir=media", "--arg", "usb=1-1.2")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "verified: x.raw on emmc") || !strings.Contains(string(out), "U-Boot exposes mmc 0") {
		t.Fatalf("ums.lua = %v; want it verified\n%s", err, out)
	}
	got, err := os.ReadFile(filepath.Join(dir, "media", "mmcblk0.img"))
	if err != nil || !bytes.HasPrefix(got, image) {
		t.Errorf("the medium = %d bytes, %v; want the image at its start", len(got), err)
	}
}
