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

-- Adds the address in ram to the files that have none. Returns files, an empty table if it is none.
local function place(files)
	if type(files) ~= "table" then return {} end
	for name, file in pairs(files) do
		if type(file) == "string" and M.ram[name] then
			files[name] = { file, M.ram[name] }
		elseif type(file) == "table" and file[1] and file[2] == nil then
			file[2] = M.ram[name]
		end
	end
	return files
end

-- Returns the boot command for the files.
local function boot(files)
	local initrd = files.initrd and "${initrd_addr}:${initrd_size}" or "-"
	return "booti ${kernel_addr} " .. initrd .. " ${dtb_addr}"
end

-- Adds the defaults to the table of a board. A file without an address gets the one in ram, also in a variant.
---@param t table a policy, in which a file can be a path alone
---@return flashlua.policy
function M.board(t)
	if type(t) ~= "table" then host.fail("k3.board takes the board's table, not a " .. type(t), 2) end
	fill(t, family)
	local own, files = t.boot, place(t.files)
	t.boot = own or boot(files)
	for _, variant in pairs(type(t.variants) == "table" and t.variants or {}) do
		if type(variant) == "table" and place(variant.files).initrd and not own then
			variant.boot = variant.boot or boot(variant.files)
		end
	end
	return t
end

return M
