-- QEMU's arm64 "virt" machine with Debian's U-Boot: the board of flashlua's own tests (make qemu starts one).
return {
	api = 1,
	name = "qemu-arm64",
	uboot = { prompt = "=> ", autoboot = "Hit any key to stop autoboot" },
	linux = { login = "login:", user = "root", prompt = "# " },
	files_dir = "../../build/qemu", -- seen from this file; make test-deps fills it
	files = {
		kernel = { "Image", 0x40400000 },
		initrd = { "initramfs.cpio.gz", 0x44000000 },
	},
	bootargs = "console=ttyAMA0 rdinit=/init",
	boot = "booti ${kernel_addr} ${initrd_addr}:${initrd_size} ${fdtcontroladdr}",
	targets = { disk = "/dev/vda" },
	default_target = "disk",
	-- QEMU's user network: the station's HTTP server is 10.0.2.2, but TFTP to that address never leaves QEMU.
	net = { http = "10.0.2.2", tftp = "127.0.0.2", listen = "127.0.0.1" },
}
