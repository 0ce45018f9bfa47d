-- QEMU's arm64 "virt" machine with Debian's U-Boot; flashlua's tests use it, and make qemu starts it.
local qemu = require("lib.qemu")

return qemu.board {
	name = "qemu-arm64",
	description = "QEMU's arm64 virt machine with Debian's U-Boot",
	files_dir = "../../build/qemu/arm64", -- relative to this file; make test-deps fills it
	files = {
		kernel = { "Image", 0x40400000 },
		initrd = { "initramfs.cpio.gz", 0x44000000 },
	},
	bootargs = "console=ttyAMA0 rdinit=/init",
	boot = "booti ${kernel_addr} ${initrd_addr}:${initrd_size} ${fdtcontroladdr}",
}
