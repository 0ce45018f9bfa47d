-- Defaults for the boards of flashlua's tests: a QEMU machine with Debian's U-Boot, and a busybox in RAM.
local fill = require("lib.family").fill

local _, host = ... -- flashlua passes the second argument only to its own modules
local M = {}

local family = {
	api = 1,
	tested = "QEMU, every commit",
	uboot = { prompt = "=> ", autoboot = "Hit any key to stop autoboot" },
	linux = { login = "login:", user = "root", prompt = "# " },
	targets = { disk = "/dev/vda" },
	default_target = "disk",
	-- QEMU's user network: the station's HTTP server is 10.0.2.2, but TFTP to that address never leaves QEMU.
	net = { http = "10.0.2.2", tftp = "127.0.0.2", listen = "127.0.0.1" },
}

-- Adds the defaults to the table of a machine.
---@param t flashlua.policy
---@return flashlua.policy
function M.board(t)
	if type(t) ~= "table" then host.fail("qemu.board takes the board's table, not a " .. type(t), 2) end
	return fill(t, family)
end

return M
