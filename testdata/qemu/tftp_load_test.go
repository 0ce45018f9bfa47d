package qemu

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/engine"
)

// TestTFTPUnderLoad loads the kernel by TFTP again and again while other processes use up every CPU: each load
// arrives. FLASHLUA_SOAK makes it long.
func TestTFTPUnderLoad(t *testing.T) {
	loads := 2 // the second one uses a larger window
	if os.Getenv("FLASHLUA_SOAK") != "" {
		loads = 40
	}
	r := newRig(t, 1)
	burn(t, runtime.NumCPU())
	r.drive(func(ctx context.Context, s *engine.Session, _ *engine.Policy) error {
		ub, err := toUBoot(ctx, s)
		if err != nil {
			return err
		}
		if _, err := s.DHCP(ctx, ub); err != nil {
			return err
		}
		for n := range loads {
			if err := s.Load(ctx, ub, "kernel"); err != nil {
				t.Errorf("Load %d of %d = %v; want nil", n+1, loads, err)
			}
		}
		return nil
	})
}

// burn runs processes that use a CPU each, until the test ends.
func burn(t *testing.T, processes int) {
	t.Helper()
	for range processes {
		burner := exec.Command("sh", "-c", "while :; do :; done")
		burner.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := burner.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			burner.Process.Kill()
			burner.Wait()
		})
	}
}
