-- The default sequence: U-Boot loads a Linux into RAM; its busybox writes the image and reads it back. The
-- sequence is a list of named steps. A board can replace, wrap, add or remove steps:
--
--   local seq = require("lib.uboot_busybox").sequence()
--   seq:wrap("network", function(next) time.sleep("2s") next() end)
--   board.flash = seq.flash
local sequence = require("lib.sequence")

local M = {}

-- Returns a copy of the default sequence to edit. Its steps are power, uboot, network, load, linux and write.
---@return flashlua.sequence
function M.sequence()
	local steps = sequence.uboot_steps()
	table.insert(steps, { name = "load", timeout = "10m", run = function(s, job, at) at.uboot:load() end })
	table.insert(steps, { name = "linux", timeout = "5m", run = function(s, job, at) at.shell = at.uboot:boot() end })
	table.insert(steps, { name = "write", destroys = true, run = function(s, job, at) at.shell:write(job) end })
	return sequence.new(steps, { "uboot", "shell" }, "at.uboot is there after the step uboot, at.shell after linux")
end

-- Boots a Linux in RAM and returns its shell. With to == "uboot" it stops at U-Boot and returns its prompt.
---@param s flashlua.session
---@param to? "uboot"
---@return flashlua.shell
---@overload fun(s: flashlua.session, to: "uboot"): flashlua.uboot
function M.boot(s, to)
	if to == "uboot" then return M.sequence().run(s, nil, "uboot").uboot end
	return M.sequence().run(s, nil, "linux").shell
end

-- The flash function of a policy that has none.
---@param s flashlua.session
---@param job flashlua.job
function M.flash(s, job) M.sequence().flash(s, job) end

return M
