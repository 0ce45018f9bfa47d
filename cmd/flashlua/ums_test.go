package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUMS runs the example that writes a medium which U-Boot exposes over USB. The disk is a loop device on the file of
// a simulated board's medium.
func TestUMS(t *testing.T) {
	t.Parallel()
	dir := workDir(t)
	sim := exec.CommandContext(t.Context(), "flashlua", "sim", "--listen", "tcp:127.0.0.1:0", "--set", "size=1,dir=media")
	sim.Dir = dir
	port, power := offered(t, sim)
	medium := filepath.Join(dir, "media", "vda.img")
	disk := device(t, medium)
	image := bytes.Repeat([]byte("imag\x00\xff"), 100_000)
	if err := os.WriteFile(filepath.Join(dir, "x.raw"), image, 0o600); err != nil {
		t.Fatal(err)
	}
	example, err := filepath.Abs("../../scripts/examples/ums.lua")
	if err != nil {
		t.Fatal(err)
	}
	run := func(medium string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "flashlua", "run", example, "--allow-write", disk, "--", "x.raw", disk, port, power, medium)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := run("virtio 0")
	if err != nil || !strings.Contains(out, "verified on "+disk) {
		t.Fatalf("ums.lua = %v; want it verified\n%s", err, out)
	}
	got, err := os.ReadFile(medium)
	if err != nil || !bytes.HasPrefix(got, image) {
		t.Errorf("the medium = %d bytes, %v; want the image at its start", len(got), err)
	}
	if out, err := run("mmc 7"); err == nil || !strings.Contains(out, "U-Boot cannot expose mmc 7") {
		t.Errorf("ums.lua of another medium = %v; want an error that names it\n%s", err, out)
	}
}
