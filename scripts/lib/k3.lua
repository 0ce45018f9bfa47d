-- Defaults for TI's K3 boards (J7, AM6, TDA4): U-Boot, RAM and console. Never run on hardware. All facts are from
-- public sources. The addresses are U-Boot's own, include/env/ti/ti_common.env (loadaddr, fdtaddr, rdaddr). booti
-- and ttyS2 at 115200 are in the boards' environments, such as board/ti/j784s4/j784s4.env.
local fill = require("lib.family").fill

local _, host = ... -- flashlua passes the second argument only to its own modules
local M = {}

-- The load address of each file, by its name in the policy. RAM begins at 0x80000000.
M.ram = { kernel = 0x82000000, dtb = 0x88000000, initrd = 0x88080000 }

local family = {
	console = { baud = 115200, framing = "8N1" },
	uboot = { prompt = "=> ", autoboot = "Hit any key to stop autoboot" },
	linux = { login = "login:", user = "root", prompt = "# " },
	bootargs = "console=ttyS2,115200n8",
}

-- Adds the defaults to the table of a board. A file without an address gets the one in ram.
function M.board(t)
	if type(t) ~= "table" then host.fail("k3.board takes the board's table, not a " .. type(t), 2) end
	fill(t, family)
	local files = type(t.files) == "table" and t.files or {}
	for name, path in pairs(files) do
		if type(path) == "string" and M.ram[name] then files[name] = { path, M.ram[name] } end
	end
	local initrd = files.initrd and "${initrd_addr}:${initrd_size}" or "-"
	t.boot = t.boot or "booti ${kernel_addr} " .. initrd .. " ${dtb_addr}"
	return t
end

return M
