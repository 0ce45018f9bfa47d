-- The default sequence: U-Boot loads a Linux into RAM, its busybox writes the image and reads it back.
local M = {}

-- Gets the board into a Linux in RAM and gives its shell. With to == "uboot" it stops at U-Boot's prompt.
function M.boot(s, to)
	s:step("power", { timeout = "1m" }, function() s.power:cycle() end)
	local ub = s:step("uboot", { timeout = "2m" }, function() return s:uboot() end)
	if to == "uboot" then return ub end
	s:step("network", { timeout = "2m", retries = 2 }, function() ub:dhcp() end)
	s:step("load", { timeout = "10m" }, function() ub:load() end)
	return s:step("linux", { timeout = "5m" }, function() return ub:boot() end)
end

function M.flash(s, job)
	local sh = M.boot(s)
	s:step("write", { destroys = job.target }, function() sh:write(job) end)
end

return M
