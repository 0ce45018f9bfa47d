-- QEMU's x86-64 PC with Debian's U-Boot (make qemu ARCH=x86-64 starts one). It is the 32-bit U-Boot, which starts a 64-bit
-- kernel; Debian's 64-bit one resets in zboot.
local qemu = require("lib.qemu")

return qemu.board {
	name = "qemu-x86-64",
	description = "QEMU's x86-64 PC with Debian's U-Boot",
	files_dir = "../../build/qemu/x86-64", -- seen from this file; make test-deps fills it
	files = {
		kernel = { "bzImage", 0x2000000 },
		initrd = { "initramfs.cpio.gz", 0x10000000 }, -- beyond where the kernel unpacks itself
	},
	uboot = { network = "virtio scan" },
	bootargs = "console=ttyS0 rdinit=/init",
	boot = "zboot ${kernel_addr} ${kernel_size} ${initrd_addr} ${initrd_size}",
}
