package qemu

import (
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// policies are boards made of this one, each in a few lines, as docs/policies.md shows.
var policies = map[string]struct {
	lua  string
	exit engine.ExitCode
	rule classify.Rule
	says []string
}{
	"replaces a step": {`
board.uboot.env = { unusual = "$x 'a' ${y}", scriptaddr = "" }
board.uboot.setup = { "setenv twice ${unusual}; virtio scan", "false || true" }
local seq = require("lib.uboot_busybox").sequence()
seq:replace("network", function(s, job, at)
	at.uboot:run("setenv ipaddr 10.0.2.15; setenv netmask 255.255.255.0")
	s:log("the address is " .. at.uboot:env("ipaddr"))
	s:log("unusual is " .. at.uboot:env("unusual") .. ", scriptaddr " .. tostring(at.uboot:env("scriptaddr")) .. ", " .. tostring(at.uboot:env("twice")))
end)
seq:replace("load", function(s, job, at)
	at.uboot:dhcp()
	at.uboot:load({ "kernel", "initrd" })
end)
board.flash = seq.flash`, 0, "", []string{"the address is 10.0.2.15", "unusual is $x 'a' ${y}, scriptaddr nil, $x"}},
	"wraps a step": {`
board.files.kernel[2], board.files.initrd[2] = "${kernel_addr_r}", "${ramdisk_addr_r}"
local seq = require("lib.uboot_busybox").sequence()
seq:wrap("linux", function(next, s, job, at)
	at.uboot:setenv("bootargs", board.bootargs)
	next()
	s:log("Linux says " .. at.shell:run("uname -m"))
	at.shell:put("/tmp/note", "it's here\n")
	s:log(at.shell:run("cat /tmp/note"))
end)
board.flash = seq.flash`, 0, "", []string{"Linux says aarch64", "it's here"}},
	"classifies by console text": {`
board.files = {
	kernel = { "Image", 0x48000000, uimage = { arch = "arm64", load = 0x40400000 } },
	initrd = { "initramfs.cpio.gz", 0x4c000000, uimage = { arch = "arm64", type = "ramdisk" } },
}
board.boot = "bootm ${kernel_addr} ${initrd_addr} ${fdtcontroladdr}"
local seq = require("lib.uboot_busybox").sequence()
seq:after("linux", { name = "look", run = function(s, job, at)
	at.shell:run("echo 'mmc0: error -110 whilst initialising' >&2; false")
end })
board.flash = seq.flash
function board.classify(err, next)
	if err:is("shell.exit") and err:console("mmc%d: error %-110") then return "fatal" end
	return next(err)
end`, 3, classify.RulePolicy, []string{"shell.exit", "step look"}},
}

func TestPolicies(t *testing.T) {
	for name, tt := range policies {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 100_001)
			if n := strings.Count(tt.lua, "\n"); n >= 30 {
				t.Errorf("the policy has %d lines; want fewer than 30", n)
			}
			code, out, v := r.flash(r.variant(tt.lua))
			if code != tt.exit || v.Rule != string(tt.rule) || len(failures(v.Attempts)) != min(int(tt.exit), 1) {
				t.Errorf("flashlua = exit %d by %s after %d attempts; want %d by %s\n%s", code, v.Rule, len(v.Attempts), tt.exit, tt.rule, out)
			}
			for _, want := range tt.says {
				if !strings.Contains(out, want) {
					t.Errorf("the output lacks %q; want it in\n%s", want, out)
				}
			}
			if code == 0 {
				r.equal()
			}
		})
	}
}
