-- QEMU's riscv64 "virt" machine with OpenSBI and Debian's U-Boot; make qemu ARCH=riscv64 starts it.
local qemu = require("lib.qemu")

return qemu.board {
	name = "qemu-riscv64",
	description = "QEMU's riscv64 virt machine with Debian's U-Boot",
	files_dir = "../../build/qemu/riscv64", -- relative to this file; make test-deps fills it
	files = {
		kernel = { "Image", 0x84000000 },
		initrd = { "initramfs.cpio.gz", 0x8c300000 },
	},
	uboot = { network = "virtio scan", line_limit = 250 }, -- its input buffer has 256 bytes, half of the other boards'
	bootargs = "console=ttyS0 rdinit=/init",
	boot = "booti ${kernel_addr} ${initrd_addr}:${initrd_size} ${fdtcontroladdr}",
}
