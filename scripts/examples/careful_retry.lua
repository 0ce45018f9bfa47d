-- A board whose further attempts are more careful than the first: they boot a kernel with fewer drivers, on one CPU,
-- and give it more time.
--   flashlua run careful_retry.lua --files boot/ --image disk.img --port serial:/dev/ttyUSB0 --power none
local seq = require("lib.uboot_busybox").sequence()

local board = {
	name = "careful-retry",
	description = "changes kernel, arguments and time after the first attempt",
	files = { kernel = { "Image", 0x42000000 }, plain = { "Image.plain", 0x46000000 }, dtb = { "board.dtb", 0x4a000000 } },
	boot = "booti ${kernel_addr} - ${dtb_addr}",
	targets = { disk = "/dev/vda" },
	net = { http = "10.0.2.2", tftp = "10.0.2.2", listen = "127.0.0.1" },
}

local function first(s) return s.attempt == 1 end

seq:replace("load", function(s, job, at)
	at.uboot:load({ first(s) and "kernel" or "plain", "dtb" })
end)
seq:replace("linux", function(s, job, at)
	if first(s) then
		at.shell = at.uboot:boot()
		return
	end
	s:log("not as in attempt " .. s.attempt - 1 .. ", which failed: " .. s.last_error.kind)
	at.uboot:setenv("bootargs", "console=ttyAMA0 maxcpus=1")
	at.shell = at.uboot:boot("booti ${plain_addr} - ${dtb_addr}")
end)

function board.flash(s, job)
	if not first(s) then seq:step("linux").timeout = "15m" end
	seq.flash(s, job)
end

return board
