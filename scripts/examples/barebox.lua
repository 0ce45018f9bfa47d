-- A board whose boot loader is barebox, which loads the flasher Linux from the station.
local barebox = require("lib.barebox")

return {
	name = "barebox-arm64",
	description = "a board that boots by barebox",
	files = { kernel = "Image", initrd = "initramfs.cpio.gz" }, -- no addresses: they are for U-Boot
	targets = { disk = "/dev/vda" },
	flash = barebox.flash { args = "console=ttyAMA0 rdinit=/init" },
}
