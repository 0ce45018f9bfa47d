-- A PC whose boot loader is GRUB, with its menu at the serial port. GRUB loads the flasher Linux from the station.
local grub = require("lib.grub")

return {
	name = "grub-pc",
	description = "a PC that boots by GRUB",
	files = { kernel = "bzImage", initrd = "initramfs.cpio.gz" }, -- no addresses: they are for U-Boot
	net = { tftp_server = false }, -- GRUB loads by HTTP
	targets = { disk = "/dev/vda" },
	flash = grub.flash { args = "console=ttyS0 rdinit=/init" },
}
