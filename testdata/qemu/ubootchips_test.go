package qemu

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// flashChip flashes the rig's image to a chip, from an offset on. prepare runs at U-Boot's prompt first.
func (r *rig) flashChip(uboot string, offset int, prepare string) (engine.ExitCode, string, engine.Report) {
	r.t.Helper()
	return r.flash(r.ubootPolicy(fmt.Sprintf(`board.targets = { chip = { uboot = %q, offset = %d } }
board.default_target = "chip"
board.uboot.env = { ethaddr = "52:54:00:12:34:56" } -- sabrelite has no address
local seq = require("lib.uboot_writer").sequence()
seq:before("network", { name = "prepare", run = function(s, job, at) %s end })
board.flash = seq.flash`, uboot, offset, prepare)))
}

// TestUBootNORUnsafe writes a NOR flash by a name without the true size of its erase blocks. U-Boot takes two
// chips side by side for one, and erases twice as much as it says. The blocks around the image must stay.
func TestUBootNORUnsafe(t *testing.T) {
	const address, block = 0x20000000, 256 << 10
	r := ubootBoard{arch: RISCV64}.newRig(t, usualDisk)
	r.want = sparse(block, 8)
	r.image = r.write("x.raw", string(r.want))
	protect := fmt.Sprintf(`at.uboot:run("protect on %x +%x")`, address+block, block)
	code, out, v := r.flashChip("nor 20000000", block, protect)
	if code == 0 || v.Kind != string(classify.TargetUnsafe) || !strings.Contains(out, `"nor 20000000/40000"`) {
		t.Errorf("flashlua = exit %d, %s; want target.unsafe with a hint to name the true size\n%s", code, v.Kind, out)
	}
	path := filepath.Join(r.dir, "nor")
	if _, err := r.QMP(context.Background(), "pmemsave", map[string]any{"val": address, "size": 3 * block, "filename": path}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, block) // with which QEMU's chip begins; an erased one holds 0xff
	if !bytes.Equal(got[:block], zeros) || !bytes.Equal(got[2*block:], zeros) {
		t.Error("the blocks before and after the image changed; want them as they were")
	}
}

// TestUBootSFUnsafe writes an SPI NOR flash from an offset on that is in the middle of an erase block.
func TestUBootSFUnsafe(t *testing.T) {
	const size = 2 << 20
	r := ubootBoard{arch: SabreLite}.newRig(t, size)
	r.image = r.write("x.raw", string(sparse(1000, 9)))
	code, out, v := r.flashChip("sf 0:0", 1000, "")
	if code == 0 || v.Kind != string(classify.TargetUnsafe) || !strings.Contains(out, "multiple of 4096") {
		t.Errorf("flashlua = exit %d, %s; want target.unsafe with the size of an erase block\n%s", code, v.Kind, out)
	}
	r.mediumHolds(r.Disk, "sf 0:0", make([]byte, size))
}
