package fastboot

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/internal/image"
)

func newDevice(limit int64) *device {
	return &device{limit: limit, refuse: map[string]string{}, partitions: map[string][]byte{}}
}

// content is size bytes: data, 3 MiB of zeros, data.
func content(size int) []byte {
	p := make([]byte, size)
	for i := range p {
		if i < 1<<20 || i >= 4<<20 {
			p[i] = byte(i*7 + i>>12)
		}
	}
	return p
}

// stage returns the content as an image, as a run stages it.
func stage(t *testing.T, content []byte) *image.Image {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.raw")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	im, err := image.Stager{Clock: clock.Real{}, Format: image.FormatRaw}.Open(t.Context(), image.Ref(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	return im
}

// TestFlash writes images of several sizes to devices with several limits.
func TestFlash(t *testing.T) {
	everyFifth := func(n int) bool { return n%5 == 0 }
	for name, tt := range map[string]struct {
		size  int
		limit int64
		serve func(t *testing.T, d *device) string
	}{
		"TCP":                       {1_000_000, 64 << 20, func(t *testing.T, d *device) string { return "tcp:" + d.serveTCP(t) }},
		"TCP, a byte":               {1, 64 << 20, func(t *testing.T, d *device) string { return "tcp:" + d.serveTCP(t) }},
		"TCP, the limit":            {1 << 20, 1 << 20, func(t *testing.T, d *device) string { return "tcp:" + d.serveTCP(t) }},
		"TCP in parts":              {5_000_001, 1 << 20, func(t *testing.T, d *device) string { return "tcp:" + d.serveTCP(t) }},
		"TCP in small parts":        {5_000_001, minDownload, func(t *testing.T, d *device) string { return "tcp:" + d.serveTCP(t) }},
		"UDP":                       {1_000_000, 64 << 20, func(t *testing.T, d *device) string { return "udp:" + d.serveUDP(t, 1400, nil) }},
		"UDP in parts":              {5_000_001, 1 << 20, func(t *testing.T, d *device) string { return "udp:" + d.serveUDP(t, 8192, nil) }},
		"UDP that loses one in six": {20_000, 64 << 20, func(t *testing.T, d *device) string { return "udp:" + d.serveUDP(t, 8192, everyFifth) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDevice(tt.limit)
			want := content(tt.size)
			var notes []string
			fb, err := Open(t.Context(), Config{Address: tt.serve(t, d), Clock: clock.Real{}, Timeout: time.Minute, Note: func(s string) { notes = append(notes, s) }})
			if err != nil {
				t.Fatal(err)
			}
			defer fb.Close()
			var last, total int64
			if err := fb.Flash(t.Context(), "rootfs", stage(t, want), func(n, of int64) { last, total = n, of }); err != nil {
				t.Fatal(err)
			}
			got := d.partition("rootfs")
			if !bytes.HasPrefix(got, want) || len(got)-len(want) >= block || len(bytes.Trim(got[len(want):], "\x00")) != 0 {
				t.Errorf("the partition has %d bytes; want the image of %d, with zeros to the end of its block", len(got), len(want))
			}
			if last != total || last == 0 || !slices.Contains(notes, "fastboot: writing") {
				t.Errorf("progress ended at %d of %d, notes %q; want all, and what the device says", last, total, notes)
			}
			if v, err := fb.Command(t.Context(), "getvar:version"); v != "0.4" || err != nil {
				t.Errorf("Command(getvar:version) = %q, %v; want 0.4", v, err)
			}
		})
	}
}

// TestRefused: what a device refuses is an error with its words.
func TestRefused(t *testing.T) {
	d := newDevice(1 << 20)
	d.refuse["flash"] = "partition does not exist"
	fb, err := Open(t.Context(), Config{Address: "tcp:" + d.serveTCP(t), Clock: clock.Real{}, Timeout: time.Minute, Note: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer fb.Close()
	err = fb.Flash(t.Context(), "nosuch", stage(t, content(1000)), func(int64, int64) {})
	if classify.Find(err, classify.HostRefused) == nil || !strings.Contains(err.Error(), "refuses flash:nosuch: partition does not exist") {
		t.Errorf("Flash(nosuch) = %v; want host.refused with the words of the device", err)
	}
	for _, cmd := range []string{strings.Repeat("x", maxCommand+1), "oem\nformat", "getvar:ä"} {
		if _, err := fb.Command(t.Context(), cmd); classify.Find(err, classify.ScriptArgument) == nil {
			t.Errorf("Command(%q) = %v; want kind %s", cmd, err, classify.ScriptArgument)
		}
	}
}

// TestNobodyAnswers: a wait for a device ends with its timeout, and with its context.
func TestNobodyAnswers(t *testing.T) {
	silent := newDevice(1).serveUDP(t, 1400, func(int) bool { return true })
	for _, address := range []string{"udp:" + silent, "tcp:127.0.0.1:1", "udp:127.0.0.1:1"} {
		_, err := Open(t.Context(), Config{Address: address, Clock: clock.Real{}, Timeout: 100 * time.Millisecond})
		if classify.Find(err, classify.HostDevice) == nil || !strings.Contains(err.Error(), address) {
			t.Errorf("Open(%s) = %v; want kind host.device", address, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, Config{Address: "udp:" + silent, Clock: clock.Real{}, Timeout: time.Hour}); err == nil {
		t.Error("Open() with a context that is over = nil; want an error")
	}
	for _, address := range []string{"", "usb", "usb:1", "tcp:", "192.168.1.5"} {
		if _, err := Open(t.Context(), Config{Address: address, Clock: clock.Real{}}); classify.Find(err, classify.ScriptArgument) == nil {
			t.Errorf("Open(%q) = %v; want kind %s", address, err, classify.ScriptArgument)
		}
	}
}

// TestRealFastboot has the real program flash the device of these tests, so that something else than this package
// judges it.
func TestRealFastboot(t *testing.T) {
	if _, err := exec.LookPath("fastboot"); err != nil {
		t.Skip("LEFT OUT: fastboot is not installed")
	}
	for name, serve := range map[string]func(d *device) string{
		"tcp": func(d *device) string { return "tcp:" + d.serveTCP(t) },
		"udp": func(d *device) string { return "udp:" + d.serveUDP(t, 1400, nil) },
	} {
		d := newDevice(1 << 20)
		want := content(5 << 20)
		im := stage(t, want)
		out, err := exec.CommandContext(t.Context(), "fastboot", "-s", serve(d), "flash", "rootfs", im.File().Name()).CombinedOutput()
		if err != nil || !bytes.Equal(d.partition("rootfs"), want) {
			t.Errorf("fastboot over %s = %v, a partition of %d bytes; want the image of %d\n%s", name, err, len(d.partition("rootfs")), len(want), out)
		}
	}
}
