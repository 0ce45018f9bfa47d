-- TI's J784S4 evaluation module (J784S4XEVM), from public sources; never run on hardware. The media's addresses
-- are those of sdhci0 and sdhci1 in Linux, arch/arm64/boot/dts/ti/k3-j784s4-main.dtsi. According to
-- k3-j784s4-evm.dts in the same directory, they are the eMMC and the SD slot, and the console is ttyS2.
local k3 = require("lib.k3")

return k3.board {
	api = 1,
	name = "ti-j784s4evm",
	description = "TI J784S4 evaluation module: eMMC and SD card",
	files = { kernel = "Image", dtb = "k3-j784s4-evm.dtb" }, -- the Image contains an initramfs with busybox and a login
	targets = { emmc = { sysfs = "4f80000" }, usd = { sysfs = "4fb0000" } },
	default_target = "usd",
}
