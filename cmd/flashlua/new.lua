-- The board NAME. `flashlua boards show` prints every key there is, docs/boards.md what each means.
return {
	api = 1,
	name = "NAME",
	description = "what it is, in a line",
	-- tested = "our bench, 2026", -- once it was

	-- How fast its console is, and how it wants to be typed at.
	console = { baud = 115200 },

	-- What U-Boot prints: how its prompt ends, what can stop autoboot, and what to type then.
	uboot = { prompt = "=> ", autoboot = "Hit any key to stop autoboot", keys = " " },

	-- What U-Boot loads by TFTP, and where to. Paths are seen from this file, or from --files.
	files = {
		kernel = { "Image", 0x82000000 },
		dtb = { "board.dtb", 0x88000000 },
	},
	bootargs = "console=ttyS0,115200n8",
	boot = "booti ${kernel_addr} - ${dtb_addr}", -- with an initrd: ${initrd_addr}:${initrd_size} for the dash

	-- How the Linux in RAM lets one in: its login, and how its shell's prompt ends.
	linux = { login = "login:", user = "root", prompt = "# " },

	-- The media, as that Linux sees them: a device, or the address of its controller in sysfs.
	targets = { disk = "/dev/mmcblk0" },
	default_target = "disk",

	-- How long it may take at most.
	limits = { attempt = "30m", total = "1h", retries = 3 },
}
