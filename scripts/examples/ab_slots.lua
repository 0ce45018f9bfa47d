-- A board with two slots: the image goes to the one that does not run, and U-Boot starts from it the next time.
--   flashlua run ab_slots.lua --image rootfs.img --port serial:/dev/ttyUSB0 --power none
-- Change the targets, boot and files for your board. boot_slot is the variable by which its U-Boot chooses the slot.
local seq = require("lib.uboot_busybox").sequence()

local board = {
	name = "ab-slots",
	description = "writes the slot that does not run, and switches to it",
	boot = "run bootcmd",
	targets = { slot_a = "/dev/vda", slot_b = "/dev/vdb" },
	net = { http = "10.0.2.2", tftp = "10.0.2.2", listen = "127.0.0.1" },
}

local other -- the first choice stays: after a switch, another attempt would see the other slot

function board.target(s, job, at)
	local boots = at.uboot:env("boot_slot") or "a"
	if job.verify_only then return "slot_" .. boots end -- the slot of the last flash
	other = other or (boots == "a" and "b" or "a")
	return "slot_" .. other
end

-- The image is verified now. The switch needs no second look at it if U-Boot keeps its environment outside the disks.
seq:after("write", { name = "switch", timeout = "3m", run = function(s, job)
	if job.verify_only then return end
	s.power:cycle()
	local ub = s:uboot()
	local slot = job.target:match("slot_(.)")
	ub:setenv("boot_slot", slot)
	ub:run("saveenv")
	s:log("the board starts from slot " .. slot .. " now")
end })

board.flash = seq.flash
return board
