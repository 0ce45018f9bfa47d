-- Flashes a board whose boot loader is GRUB: GRUB loads a Linux into RAM, whose busybox writes the image.
--
--   flash = require("lib.grub").flash { args = "console=ttyS0" }
--
-- It loads files.kernel and files.initrd of the policy, which need no address.
local _, host = ... -- flashlua passes the second argument only to its own modules
local loader = require("lib.loader")

local M = {}

local defaults = {
	menu = "GNU GRUB", -- announces the menu
	keys = "c", -- typed at the menu, for the command line
	prompt = "grub> ",
	user = "",
	password = "", -- asked for before the command line, if GRUB has superusers
	network = "net_bootp", -- gets an address, if the firmware got none
	protocol = "http",
	kernel = "kernel", -- names in files of the policy
	initrd = "initrd",
	args = "", -- kernel command line
	timeout = "2m", -- from power-on to the prompt
}

local choices = { protocol = { http = true, tftp = true } }

-- Returns the first IPv4 address in a text, nil if it has none.
local function ipv4(text) return text:match("%d+%.%d+%.%d+%.%d+") end

-- Stops GRUB's menu, or waits for its prompt.
local function stop(s, o)
	local con = s.console
	local texts = { o.prompt, "Enter username:", o.menu }
	local _, found = con:expect(texts, { timeout = o.timeout })
	for _ = 1, 5 do
		if found == 1 then return end
		if found == 2 then
			if o.password == "" then
				error(errors.fatal("GRUB asks for a user and a password: set the options user and password"), 0)
			end
			con:line(o.user)
			con:expect("Enter password:", { timeout = "10s" })
			con:secret(o.password)
			if not loader.await(con, { o.prompt }, "10s") then
				error(errors.fatal("GRUB did not accept the user and the password"), 0)
			end
			return
		end
		con:send(o.keys)
		found = loader.await(con, { o.prompt, "Enter username:" }, "5s")
	end
	error(errors.new {
		kind = "grub.menu", class = "retry",
		message = "GRUB's menu did not open the command line",
		hint = "check the options menu, keys and prompt of lib.grub",
	})
end

-- Waits for GRUB after a power cycle. Returns its prompt.
---@param s flashlua.session
---@param options? flashlua.grub_options
---@return flashlua.grub
function M.stop(s, options)
	local o = loader.options("grub.stop", options, defaults, choices)
	stop(s, o)
	local g = {}

	-- Runs a line, and returns its output. A line that prints an error fails.
	function g:run(line, timeout)
		local out = loader.line(s.console, line, o.prompt, timeout or "1m")
		local failed = ("\n" .. out):match("\n%s*error: ([^\n]*)")
		if failed then
			error(errors.new { kind = "grub.command", class = "retry", message = ("GRUB: %s: %s"):format(line, failed) })
		end
		return out
	end

	-- Returns the address of the board; gets one if it has none.
	function g:dhcp()
		local address = ipv4(g:run("net_ls_addr"))
		if not address then
			g:run(o.network, "2m")
			address = ipv4(g:run("net_ls_addr"))
		end
		if not address then
			error(errors.new { kind = "net.dhcp", message = "GRUB has no address after " .. o.network })
		end
		g.address = address
		return address
	end

	-- Returns the name by which GRUB finds a file of the policy.
	function g:file(name)
		local at = s:serve(name, { board = g.address })
		if o.protocol == "tftp" then return ("'(tftp,%s)/%s'"):format(at.tftp_server, at.tftp_path) end
		return (at.url:gsub("^http://([^/]+)", "(http,%1)"))
	end

	-- Loads the kernel and the initramfs.
	function g:load()
		g:run(("linux %s %s"):format(g:file(o.kernel), o.args), "5m")
		if o.initrd then g:run("initrd " .. g:file(o.initrd), "5m") end
	end

	-- Boots what was loaded, and logs in.
	function g:boot()
		loader.enter(s.console, "boot")
		local back, out = loader.await(s.console, { o.prompt }, "3s")
		if back then
			error(errors.new { kind = "grub.boot", class = "retry", message = "GRUB: boot: " .. loader.last_line(out) })
		end
		return s:shell()
	end

	return host.closed("grub", g)
end

-- Switches the board on and boots a Linux in RAM. Returns its shell.
---@param s flashlua.session
---@param options? flashlua.grub_options
---@return flashlua.shell
function M.boot(s, options)
	local o = loader.options("grub.boot", options, defaults, choices)
	return loader.boot(s, "grub", function() return M.stop(s, o) end)
end

-- Returns a flash function for a policy.
---@param options? flashlua.grub_options
---@return fun(s: flashlua.session, job: flashlua.job)
function M.flash(options)
	local o = loader.options("grub.flash", options, defaults, choices)
	return loader.flash(function(s) return M.boot(s, o) end)
end

return M
