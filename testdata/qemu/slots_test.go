package qemu

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/testdata/gpt"
)

// slots are the partitions of the disk in TestSlots.
var slots = []gpt.Partition{{Label: "slot_a", From: 1 << 20, Size: 1 << 20}, {Label: "slot_b", From: 2 << 20, Size: 1 << 20}}

// TestSlots: the policy chooses a slot by a variable of U-Boot, and switches it after the receipt. U-Boot's
// environment is in a flash chip, so that the receipt stays. Debian's U-Boot cannot write to QEMU's chip ("Flash buffer
// write timeout"), so that the policy accepts the failure of saveenv.
func TestSlots(t *testing.T) {
	r := newRig(t, 100_001)
	gpt.Write(t, r.Disk, slots...)
	policy := r.variant(`
local seq = require("lib.uboot_busybox").sequence()
board.targets = { slot_a = { path = "/dev/vda", part = "slot_a" }, slot_b = { path = "/dev/vda", part = "slot_b" } }
board.default_target = "slot_a"
function board.target(s, job, at)
	return at.uboot:env("boot_slot") == "b" and "slot_a" or "slot_b"
end
seq:after("write", { name = "switch", run = function(s, job)
	s.power:cycle()
	local ub = s:uboot()
	ub:setenv("boot_slot", job.target:sub(-1))
	s:log((ub:exec("saveenv")))
end })
board.flash = seq.flash`)
	code, out, v := r.flash(policy, "--retries", "0")
	if code != 0 || v.Target.Name != "slot_b" || v.Target.State != engine.Verified || !strings.Contains(out, "Saving Environment to Flash") || strings.Contains(out, "once more") {
		t.Errorf("flashlua = exit %d, verdict %+v; want slot_b verified, the environment in flash, no second read\n%s", code, v, out)
	}
	disk, err := os.ReadFile(r.Disk)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(disk[slots[1].From:][:len(r.want)], r.want) || bytes.ContainsFunc(disk[slots[0].From:][:slots[0].Size], func(c rune) bool { return c != 0 }) {
		t.Error("the disk differs; want the image in slot_b, and slot_a as it was")
	}
}
