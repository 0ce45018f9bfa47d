package qemu

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// grubDir is where grub.sh puts GRUB.
func grubDir() string { return filepath.Join(sourceDir(), "../../build/qemu/grub") }

// newGRUBRig returns a rig of the x86-64 board with a PC's firmware, which loads GRUB by PXE from a network card of its
// own. Linux uses the board's usual one.
func newGRUBRig(t *testing.T) *rig {
	if _, err := os.Stat(filepath.Join(grubDir(), "grub.0")); err != nil {
		if os.Getenv("FLASHLUA_REQUIRE_QEMU") == "1" {
			t.Fatal(err)
		}
		t.Skipf("LEFT OUT: no GRUB here, run make test-deps: %v", err)
	}
	r := X8664.rig(t, func(dir string) (*Board, error) {
		return X8664.start(context.Background(), dir, usualDisk, "-bios", "bios-256k.bin",
			"-netdev", "user,id=pxe,bootfile=grub.0,tftp="+strings.ReplaceAll(grubDir(), ",", ",,"),
			"-device", "e1000,netdev=pxe,bootindex=0")
	})
	r.randomImage(300_001)
	return r
}

// TestGRUB flashes a PC whose GRUB loads Linux: by HTTP, as the example does, and by TFTP, by the lines that a policy
// types itself. A line that fails has GRUB's error.
func TestGRUB(t *testing.T) {
	r := newGRUBRig(t)
	local := []string{"--set", "net.http=10.0.2.2", "--set", "net.listen=127.0.0.1", "--retries", "0"}
	code, out, v := r.flash("../../scripts/examples/grub.lua", local...)
	r.verified(code, out, v)
	r.equal()

	policy := r.write("tftp.lua", `
local grub = require("lib.grub")
return {
	files = { kernel = "bzImage", initrd = { "initramfs.cpio.gz" } },
	targets = { disk = "/dev/vda" },
	flash = function(s, job)
		s.power:cycle()
		local g = grub.stop(s, { protocol = "tftp" })
		local ok, err = pcall(g.run, g, "nonsense")
		assert(not ok and err:is("grub.command"), "the line did not fail")
		s:log("GRUB said: " .. err.message)
		g:dhcp()
		g:load()
		error(errors.fatal("loaded by TFTP, that will do"))
		s:shell():write(job)
	end,
}
`)
	code, out, _ = r.flash(policy, local...)
	for _, want := range []string{"GRUB said: GRUB: nonsense: can't find command `nonsense'.", "loaded by TFTP, that will do"} {
		if code != 3 || !strings.Contains(out, want) {
			t.Errorf("flashlua = exit %d; want 3, with %q in\n%s", code, want, out)
		}
	}
}
