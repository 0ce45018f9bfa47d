package transport

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWithScheme(t *testing.T) {
	dir := t.TempDir()
	device, file := filepath.Join(dir, "board"), filepath.Join(dir, "file")
	if err := os.Symlink("/dev/null", device); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for spec, want := range map[string]string{
		"/dev/null":                   "serial:/dev/null",
		"/dev/no/such":                "serial:/dev/no/such",
		device:                        "serial:" + device,
		"serial:/dev/ttyUSB0":         "serial:/dev/ttyUSB0",
		file:                          file,
		filepath.Join(dir, "no-such"): filepath.Join(dir, "no-such"),
		"dev/ttyUSB0":                 "dev/ttyUSB0",
		"sim:dhcp=1":                  "sim:dhcp=1",
		"":                            "",
		"/dev":                        "/dev",
		"exec:cat /dev/null":          "exec:cat /dev/null",
	} {
		if got := WithScheme(spec); got != want {
			t.Errorf("WithScheme(%q) = %q; want %q", spec, got, want)
		}
	}
	if one, two := StableName("/dev/null"), StableName("serial:/dev/null"); one != two {
		t.Errorf("StableName(/dev/null) = %q; want %q", one, two)
	}
	one, err1 := Identity(t.Context(), device)
	two, err2 := Identity(t.Context(), "serial:/dev/null")
	if one != two || err1 != nil || err2 != nil {
		t.Errorf("Identity(%s) = %q, %v; want %q, %v", device, one, err1, two, err2)
	}
	if err := Check(device); err != nil {
		t.Errorf("Check(%s) = %v; want nil", device, err)
	}
}

func TestCheckSuggestsAPort(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for spec, want := range map[string]string{
		"ser1:4001":          "tcp:ser1:4001",
		"localhost:4001":     "tcp:localhost:4001",
		"[::1]:4001":         "tcp:[::1]:4001",
		"seral:/dev/ttyUSB0": "serial:/dev/ttyUSB0",
		"tpc:ser1:4001":      "tcp:ser1:4001",
		"smi:dhcp=1":         "sim:dhcp=1",
		"ttyUSB0":            "serial:/dev/ttyUSB0",
		socket:               "unix:" + socket,
		"root@ser1":          "",
		"root@ser1:22":       "",
		"ser1:70000":         "",
		"ser1:":              "",
		"ser1":               "",
		"serial:":            "",
		"":                   "",
	} {
		err := Check(spec)
		if err == nil {
			t.Errorf("Check(%q) = nil; want an error", spec)
			continue
		}
		_, got, _ := strings.Cut(err.Error(), "; did you mean ")
		if got = strings.TrimSuffix(got, "?"); got != want {
			t.Errorf("Check(%q) = %v; suggested is %q, want %q", spec, err, got, want)
		}
	}
}
