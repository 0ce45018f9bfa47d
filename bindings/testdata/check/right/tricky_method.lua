-- U-Boot writes one target; another one is Linux's alone, and is not the default. A file that only --at linux loads
-- needs no use in boot.
local seq = require("lib.uboot_writer").sequence()
seq:before("write", {
	name = "own",
	run = function(s, job, at)
		if job.verify_only then return end
		at.uboot:run("virtio write 42000000 0 1")
	end,
})

local board = {
	method = "uboot",
	files = { kernel = { "Image", 0x42000000 } },
	targets = {
		emmc = { sysfs = "4f80000", uboot = "mmc 0.boot0", offset = "512K" },
		usd = "/dev/mmcblk1",
	},
	default_target = "emmc",
	uboot = { ram = { "0x42000000", "64M" } },
}

function board.flash(s, job)
	local at = seq.run(s, job, "network")
	local ub = at.uboot
	if not job.verify_only then ub:run("mmc write 42000000 0 1") end
	ub:verify(job, { target = "emmc" })
end

return board
