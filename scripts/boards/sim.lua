-- The simulated board with its default settings: `flashlua run sim --image FILE --port sim:`.
-- It needs no boot files: it boots a recovery Linux from its own flash.
---@type flashlua.policy
return {
	api = 1,
	name = "sim",
	description = "the simulated board, for --port sim:",
	tested = "simulated, every commit",
	boot = "run bootcmd",
	targets = { disk = "/dev/vda", emmc = { sysfs = "4f80000" } },
	default_target = "disk",
	net = { http = "10.0.2.2", tftp = "10.0.2.2", listen = "127.0.0.1" }, -- as under QEMU
	limits = { attempt = "5m", total = "30m" },
}
