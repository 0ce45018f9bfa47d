package qemu

import (
	"bufio"
	"net"
	"os"
	"strings"
	"testing"
)

func TestPower(t *testing.T) {
	if err := ARM64.Available(); err != nil {
		if os.Getenv("FLASHLUA_REQUIRE_QEMU") == "1" {
			t.Fatal(err)
		}
		t.Skipf("NOT TESTED: %v", err)
	}
	ctx := t.Context()
	b, err := ARM64.Start(ctx, t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for range 2 {
			if err := b.Stop(); err != nil {
				t.Errorf("Stop() = %v; want nil", err)
			}
		}
	}()
	status := func(want string) {
		t.Helper()
		if got, err := b.Status(ctx); got != want || err != nil {
			t.Fatalf("Status() = %q, %v; want %q", got, err, want)
		}
	}
	power := func(commands ...string) {
		t.Helper()
		for _, command := range commands {
			if _, err := b.QMP(ctx, command); err != nil {
				t.Fatal(err)
			}
		}
	}

	console, err := net.Dial("unix", strings.TrimPrefix(b.Port, "unix:"))
	if err != nil {
		t.Fatal(err)
	}
	defer console.Close()

	status("prelaunch")
	power("system_reset", "cont")
	status("running")
	lines := bufio.NewScanner(console)
	for lines.Scan() && !strings.Contains(lines.Text(), "U-Boot 20") {
	}
	if !strings.Contains(lines.Text(), "U-Boot 20") {
		t.Fatalf("the console ends without a banner of U-Boot: %v; want one", lines.Err())
	}
	power("stop")
	status("paused")

	if _, err := b.QMP(ctx, "no-such-command"); err == nil || !strings.Contains(err.Error(), "CommandNotFound") {
		t.Errorf("QMP(no-such-command) = %v; want CommandNotFound", err)
	}
}
