-- The default sequence: U-Boot loads a Linux into RAM, its busybox writes the image and reads it back.
local M = {}

function M.flash(s, job)
	s:step("power", { timeout = "1m" }, function() s.power:cycle() end)
	local ub = s:step("uboot", { timeout = "2m" }, function() return s:uboot() end)
	s:step("network", { timeout = "2m", retries = 2 }, function() ub:dhcp() end)
	s:step("load", { timeout = "10m" }, function() ub:load() end)
	local sh = s:step("linux", { timeout = "5m" }, function() return ub:boot() end)
	s:step("write", { destroys = job.target }, function() sh:write(job) end)
end

return M
