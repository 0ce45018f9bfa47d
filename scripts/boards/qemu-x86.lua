-- QEMU's 32-bit PC with Debian's U-Boot; make qemu ARCH=x86 starts it.
local qemu = require("lib.qemu")

return qemu.board {
	name = "qemu-x86",
	description = "QEMU's 32-bit PC with Debian's U-Boot",
	files_dir = "../../build/qemu/x86", -- relative to this file; make test-deps fills it
	files = {
		kernel = { "bzImage", 0x2000000 },
		initrd = { "initramfs.cpio.gz", 0x10000000 }, -- above the memory that the kernel decompresses itself to
	},
	uboot = { network = "virtio scan" },
	bootargs = "console=ttyS0 rdinit=/init",
	boot = "zboot ${kernel_addr} ${kernel_size} ${initrd_addr} ${initrd_size}",
}
