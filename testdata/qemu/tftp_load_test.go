package qemu

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/uboot"
)

// TestTFTPUnderLoad loads the kernel by TFTP again and again beside a process per CPU that only burns time.
// FLASHLUA_SOAK sets how often.
func TestTFTPUnderLoad(t *testing.T) {
	r := newRig(t, 1)
	loads, _ := strconv.Atoi(os.Getenv("FLASHLUA_LOADS"))
	for range 14 {
		burner := exec.CommandContext(t.Context(), "sh", "-c", "while :; do :; done")
		if err := burner.Start(); err != nil {
			t.Fatal(err)
		}
		defer burner.Wait()
		defer burner.Process.Kill()
	}
	r.drive(func(ctx context.Context, s *engine.Session, p *engine.Policy) error {
		ub, err := toUBoot(ctx, s)
		if err != nil {
			return err
		}
		failed := 0
		for i := range loads {
			if _, err := s.DHCP(ctx, ub); err != nil {
				fmt.Println(i, "dhcp", err)
			}
			if err := s.Load(ctx, ub, "kernel"); err != nil {
				failed++
				fmt.Println(i, err)
			}
		}
		fmt.Println("failed", failed, "of", loads)
		_ = uboot.MaxWindow
		return nil
	})
}
