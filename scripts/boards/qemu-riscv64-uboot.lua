-- QEMU's riscv64 "virt" machine with OpenSBI and Debian's U-Boot, which writes by itself; make qemu ARCH=riscv64 starts
-- the machine. This U-Boot finds no NVMe disk.
local qemu = require("lib.qemu")

return qemu.uboot_board {
	name = "qemu-riscv64-uboot",
	description = "QEMU's riscv64 virt machine, written by its U-Boot alone",
	uboot = { network = "virtio scan", line_limit = 250 }, -- its input buffer has 256 bytes, half of the other boards'
}
