-- QEMU's 32-bit PC with Debian's U-Boot, which writes by itself; make qemu ARCH=x86 starts the machine.
local qemu = require("lib.qemu")

return qemu.uboot_board {
	name = "qemu-x86-uboot",
	description = "QEMU's 32-bit PC, written by its U-Boot alone",
	targets = { nvme = { uboot = "nvme 0" } },
	uboot = { network = "virtio scan" },
}
