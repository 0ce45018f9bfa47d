-- QEMU's 32-bit arm "virt" machine with Debian's U-Boot; make qemu ARCH=arm starts it.
local qemu = require("lib.qemu")

return qemu.board {
	name = "qemu-arm",
	description = "QEMU's 32-bit arm virt machine with Debian's U-Boot",
	files_dir = "../../build/qemu/arm", -- relative to this file; make test-deps fills it
	files = {
		kernel = { "zImage", 0x40400000 },
		initrd = { "initramfs.cpio.gz", 0x44000000 },
	},
	bootargs = "console=ttyAMA0 rdinit=/init",
	boot = "bootz ${kernel_addr} ${initrd_addr}:${initrd_size} ${fdtcontroladdr}",
}
