-- Flashes a board, then has it boot the flashed disk by itself, logs in and looks at what runs.
--   flashlua run smoke.lua --image disk.img --port … --power …
local board = require("boards.qemu-arm64")

function board.check(s, report)
	s.power:cycle()
	local sh = s:shell() -- autoboot is not stopped: U-Boot starts what it finds on the disk
	local cmdline = sh:run("cat /proc/cmdline")
	assert(cmdline:find("image=new", 1, true), "another system started, with " .. cmdline)
	s:log("the new system is Linux " .. sh:run("uname -r"))
end

return board
