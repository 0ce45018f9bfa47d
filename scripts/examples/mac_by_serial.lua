-- Sets the MAC address of a board by its serial number, from macs.csv next to this file.
--   flashlua run mac_by_serial.lua --image disk.img --arg serial=A17 --port tcp:127.0.0.1:4001 …
local board = require("boards.sim") -- in the place of your own board
local seq = require("lib.uboot_busybox").sequence()

board.args = { serial = { required = true, help = "serial number on the label" } }

local function mac_of(serial)
	for _, row in ipairs(csv.load("macs.csv")) do
		if row.serial == serial then return row.mac end
	end
	error(errors.fatal("no board " .. serial .. " in macs.csv"))
end

seq:after("uboot", { name = "mac", run = function(s, job, at)
	at.uboot:setenv("ethaddr", mac_of(job.args.serial))
	s:log("ethaddr is " .. at.uboot:env("ethaddr"))
end })

board.flash = seq.flash
return board
