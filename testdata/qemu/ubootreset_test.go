package qemu

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/flashlua/flashlua/engine"
)

// TestUBootWriterResumes resets a board in the middle of a write by U-Boot. The next attempt finds right what the first
// one wrote.
func TestUBootWriterResumes(t *testing.T) {
	r := newRig(t, 40<<20)
	var reset sync.Once
	var right string
	rep := r.run(engine.Engine{Events: func(e engine.Event) {
		if strings.Contains(e.Text, "were right already") {
			right = e.Text
		}
		if e.Type == engine.EventProgress && e.Step == "write" && e.Done > 20<<20 {
			reset.Do(func() {
				if _, err := r.QMP(context.Background(), "system_reset"); err != nil {
					t.Error(err)
				}
			})
		}
	}}, r.variant(`board.method, board.flash = "uboot", require("lib.uboot_writer").flash
board.uboot = { ram = { 0x42000000, "32M" } } -- for pieces of less than the image
board.limits = { jitter = 0 }`), 1)
	if rep.Exit != 0 || rep.Attempt != 2 || rep.Target.Writer != "uboot" || right == "" {
		t.Errorf("run = exit %d in attempt %d, %v, written by %s, %q; want 0 in attempt 2, by uboot, and bytes that were right already", rep.Exit, rep.Attempt, rep.Err, rep.Target.Writer, right)
	}
	r.equal()
}
