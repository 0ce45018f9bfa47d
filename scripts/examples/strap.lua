-- A strap is held while the board gets power, and released at U-Boot's prompt: many boards read it only then, to start
-- from another medium. On the bench a relay closes the strap, and presses the reset button after the flash:
--
--   flashlua run strap.lua --image disk.img --port serial:/dev/ttyUSB0 --power "command:pdu -port 3 {}" \
--     --output "recovery=command:relay -n 4 {}" --output "button=command:relay -n 5 {}"

local board = require("boards.sim")
local seq = require("lib.uboot_busybox").sequence()

board.name = "strap"
board.outputs = {
	recovery = { help = "the strap that starts the U-Boot of the recovery medium" },
	button = { optional = true, help = "the reset button" },
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
	if s.outputs.button then
		s.outputs.button:pulse("200ms")
	else
		s.power:cycle()
	end
	s:uboot() -- it starts without the strap
end

return board
