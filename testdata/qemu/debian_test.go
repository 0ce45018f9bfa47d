package qemu

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestDebianInitramfs flashes through the shell of Debian's own initramfs, which asks for no login. Its udhcpc has no
// script, so that a lease sets no address.
func TestDebianInitramfs(t *testing.T) {
	r := X8664.newRig(t, 1<<20)
	out := filepath.Join(t.TempDir(), "transcript")
	code, text, v := r.flash(r.variant(`
board.files.initrd = { "debian.cpio.gz", 0x10000000 }
board.bootargs = "console=ttyS0 break=top"
board.linux.prompt = "(initramfs) "
local seq = require("lib.uboot_busybox").sequence()
seq:after("linux", { name = "modules", run = function(s, job, at)
	at.shell:run("for m in /lib/modules/*.ko; do insmod $m; done; sleep 1")
end })
board.flash = seq.flash
`), "--transcript", out)
	r.verified(code, text, v)
	r.equal()
	if want := "udhcpc got the lease of"; !strings.Contains(text, want) {
		t.Errorf("the output lacks %q; want it in\n%s", want, text)
	}
}
