package qemu

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBoardBootsItself flashes a board that boots its Linux without a boot loader to stop: the policy
// switches it on and logs in.
func TestBoardBootsItself(t *testing.T) {
	r := ARM64.rig(t, func(dir string) (*Board, error) {
		return ARM64.start(context.Background(), dir, usualDisk, "-kernel", filepath.Join(ARM64.BootDir(), "Image"),
			"-initrd", filepath.Join(ARM64.BootDir(), "initramfs.cpio.gz"), "-append", "console=ttyAMA0 rdinit=/init")
	})
	r.randomImage(300_001)
	code, out, v := r.flash(r.write("self.lua", `
return {
	targets = { disk = "/dev/vda" },
	net = { http = "10.0.2.2", listen = "127.0.0.1" },
	flash = function(s, job)
		s.power:cycle()
		local sh = s:shell()
		s:step("write", { destroys = job.target }, function() sh:write(job) end)
	end,
}
`), "--retries", "0")
	r.verified(code, out, v)
	r.equal()
}

// TestBarebox flashes the arm64 board with a barebox instead of U-Boot. Debian has no package of it: FLASHLUA_BAREBOX
// names an image that QEMU's -kernel takes, images/barebox-dt-2nd.img of multi_v8_defconfig.
func TestBarebox(t *testing.T) {
	barebox := cmp.Or(os.Getenv("FLASHLUA_BAREBOX"), filepath.Join(sourceDir(), "../../build/qemu/barebox/barebox-dt-2nd.img"))
	if _, err := os.Stat(barebox); err != nil {
		t.Skipf("LEFT OUT: Debian has no barebox, and FLASHLUA_BAREBOX names none: %v", err)
	}
	r := ARM64.rig(t, func(dir string) (*Board, error) {
		return ARM64.start(context.Background(), dir, usualDisk, "-kernel", barebox)
	})
	r.randomImage(300_001)
	local := []string{"--set", "net.http=10.0.2.2", "--set", "net.listen=127.0.0.1", "--retries", "0"}
	code, out, v := r.flash("../../scripts/examples/barebox.lua", local...)
	r.verified(code, out, v)
	r.equal()

	policy := r.write("wrong.lua", `
local barebox = require("lib.barebox")
return {
	files = { kernel = "initramfs.cpio.gz" },
	targets = { disk = "/dev/vda" },
	flash = function(s, job)
		s.power:cycle()
		local b = barebox.stop(s, { initrd = false })
		local ok, err = pcall(b.run, b, "ls /nothing")
		assert(not ok and err:is("barebox.exit"), "the command did not fail")
		s:log("it said: " .. err.message)
		b:dhcp()
		b:load()
		b:boot():write(job)
	end,
}
`)
	code, out, _ = r.flash(policy, local...)
	for _, want := range []string{"it said: barebox: ls /nothing exited 1: ls: /nothing: No such file or directory", "Error: barebox: bootm /flashlua-kernel: "} {
		if code != 4 || !strings.Contains(out, want) {
			t.Errorf("flashlua = exit %d; want 4, with %q in\n%s", code, want, out)
		}
	}
}
