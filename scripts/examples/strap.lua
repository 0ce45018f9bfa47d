-- A strap is held while the board gets power, and released at U-Boot's prompt: many boards read it only then, to start
-- from another medium. On the bench a relay closes the strap:
--
--   flashlua run strap.lua --image disk.img --port serial:/dev/ttyUSB0 --power "command:pdu -port 3 {}" \
--     --output "recovery=command:relay -n 4 {}"

local board = require("boards.sim")
local seq = require("lib.uboot_busybox").sequence()

board.name = "strap"
board.outputs = {
	recovery = { help = "the strap that starts the U-Boot of the recovery medium" },
}

seq:wrap("power", function(next, s)
	s.outputs.recovery:on()
	next()
end)

seq:after("uboot", { name = "release", run = function(s)
	s.outputs.recovery:off()
end })

board.flash = seq.flash

function board.check(s)
	s.power:cycle() -- it starts without the strap
	s:uboot()
end

return board
