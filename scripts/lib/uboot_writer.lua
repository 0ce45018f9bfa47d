-- The default sequence of a policy with method = "uboot": U-Boot writes the image with its own commands and reads it
-- back. No Linux runs. A board can edit the sequence as that of lib.uboot_busybox:
--
--   local seq = require("lib.uboot_writer").sequence()
--   seq:before("write", { name = "unlock", run = function(s, job, at) at.uboot:run("mmc bootbus 0 2 0 0") end })
--   board.flash = seq.flash
local sequence = require("lib.sequence")

local M = {}

-- Returns a copy of the sequence to edit. Its steps are power, uboot, network and write.
---@return flashlua.sequence
function M.sequence()
	local steps = sequence.uboot_steps()
	table.insert(steps, { name = "write", destroys = true, run = function(s, job, at) at.uboot:write(job) end })
	return sequence.new(steps, { "uboot" }, "at.uboot is there after the step uboot")
end

-- The flash function of a policy that has none, and method = "uboot".
---@param s flashlua.session
---@param job flashlua.job
function M.flash(s, job) M.sequence().flash(s, job) end

return M
