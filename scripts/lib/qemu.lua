-- Defaults for the boards of flashlua's tests: a QEMU machine with Debian's U-Boot, and a busybox in RAM or U-Boot's
-- own commands that write.
local fill = require("lib.family").fill

local _, host = ... -- flashlua passes the second argument only to its own modules
local M = {}

local family = {
	api = 1,
	tested = "QEMU, every commit",
	uboot = { prompt = "=> ", autoboot = "Hit any key to stop autoboot" },
	linux = { login = "login:", user = "root", prompt = "# " },
	targets = { disk = { path = "/dev/vda", uboot = "virtio 0" } },
	default_target = "disk",
	-- QEMU's user network: the station's HTTP server is 10.0.2.2, but TFTP to that address never leaves QEMU.
	net = { http = "10.0.2.2", tftp = "127.0.0.2", listen = "127.0.0.1" },
}

local function check(name, t)
	if type(t) ~= "table" then host.fail(name .. " takes the board's table, not a " .. type(t), 3) end
end

-- Adds the defaults to the table of a machine.
---@param t flashlua.policy
---@return flashlua.policy
function M.board(t)
	check("qemu.board", t)
	return fill(t, family)
end

-- Adds the defaults to the table of a machine whose U-Boot writes: no Linux runs.
---@param t flashlua.policy
---@return flashlua.policy
function M.uboot_board(t)
	check("qemu.uboot_board", t)
	return fill(fill(t, { method = "uboot" }), family)
end

return M
