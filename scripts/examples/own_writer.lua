-- A board's own tool writes the image, here dd as a vendor's tool would, and flashlua proves what the medium holds.
--   flashlua run own_writer.lua --image disk.img --file image=disk.img --port … --power …
local board = require("boards.sim")
local seq = require("lib.uboot_busybox").sequence()

board.files = { image = "disk.img" } -- for the tool, which fetches it by HTTP as it is: not compressed
seq:remove("load") -- the board boots a Linux of its own
seq:replace("write", function(s, job, at)
	local sh = at.shell
	if not job.verify_only then
		sh:network()
		sh:run("wget -q -O - " .. s:serve("image").url .. " | dd of=/dev/vda bs=1M conv=fsync", { timeout = "10m" })
	end
	sh:verify(job) -- whatever the tool's exit code says
end)
board.flash = seq.flash

return board
