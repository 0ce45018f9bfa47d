-- QEMU's 32-bit arm "virt" machine with Debian's U-Boot, which writes by itself; make qemu ARCH=arm starts the machine.
local qemu = require("lib.qemu")

return qemu.uboot_board {
	name = "qemu-arm-uboot",
	description = "QEMU's 32-bit arm virt machine, written by its U-Boot alone",
	targets = { nvme = { uboot = "nvme 0" } },
}
