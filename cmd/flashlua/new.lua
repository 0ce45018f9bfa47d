-- Policy of the board NAME. `flashlua boards show` prints all keys, docs/boards.md describes them.
---@type flashlua.policy
return {
	api = 1,
	name = "NAME",
	description = "one line that describes the board",
	-- tested = "our bench, 2026", -- where it was tested

	-- The serial line of the console.
	console = { baud = 115200 },

	-- U-Boot: the end of its prompt, the text that announces autoboot, and the keys that stop it.
	uboot = { prompt = "=> ", autoboot = "Hit any key to stop autoboot", keys = " " },

	-- method = "uboot", -- without a Linux: U-Boot writes by itself, and needs no files, bootargs, boot and linux

	-- The files that U-Boot loads by TFTP, with their addresses. Paths are relative to this file, or to --files.
	files = {
		kernel = { "Image", 0x82000000 },
		dtb = { "board.dtb", 0x88000000 },
	},
	bootargs = "console=ttyS0,115200n8",
	boot = "booti ${kernel_addr} - ${dtb_addr}", -- with an initrd, ${initrd_addr}:${initrd_size} instead of -

	-- The Linux in RAM: its login prompt, the user, and the end of the shell's prompt.
	linux = { login = "login:", user = "root", prompt = "# " },

	-- The media as that Linux sees them: a device, or the sysfs address of its controller. With U-Boot's name as well:
	-- { path = "/dev/mmcblk0", uboot = "mmc 0" }.
	targets = { disk = "/dev/mmcblk0" },
	default_target = "disk",

	-- Deadlines, and the attempts after the first.
	limits = { attempt = "30m", total = "1h", retries = 3 },
}
