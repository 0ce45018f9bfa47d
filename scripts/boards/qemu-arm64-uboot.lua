-- QEMU's arm64 "virt" machine with Debian's U-Boot, which writes by itself; make qemu starts the machine.
local qemu = require("lib.qemu")

return qemu.uboot_board {
	name = "qemu-arm64-uboot",
	description = "QEMU's arm64 virt machine, written by its U-Boot alone",
	targets = { nvme = { uboot = "nvme 0" } },
}
