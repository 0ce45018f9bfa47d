-- Flashes a board whose boot loader is barebox: barebox loads a Linux into RAM, whose busybox writes the image.
--
--   flash = require("lib.barebox").flash { args = "console=ttyAMA0" }
--
-- It loads files.kernel and files.initrd of the policy, which need no address, by TFTP.
local _, host = ... -- flashlua passes the second argument only to its own modules
local loader = require("lib.loader")

local M = {}

local defaults = {
	autoboot = "stop autoboot", -- announces that autoboot can be stopped
	keys = "\3", -- Ctrl-C stops autoboot, whichever key the environment names
	prompt = ":/ ", -- end of "barebox@BOARD:/ "
	network = "ifup -a", -- gets an address
	interface = "eth0",
	kernel = "kernel", -- names in files of the policy
	initrd = "initrd",
	dtb = false,
	args = "", -- added to the kernel command line
	timeout = "1m", -- from power-on to the prompt
}

local DIR = "/mnt/flashlua" -- where the station's TFTP server is mounted

-- Typed after a command, for its exit code. The quotes keep the echo of the line apart from the output.
local MARK, TYPED_MARK = "flashlua=", '; echo flash""lua=$?'

-- Stops autoboot, or waits for the prompt.
local function stop(s, o)
	local _, found = s.console:expect({ o.prompt, o.autoboot }, { timeout = o.timeout })
	for _ = 1, 5 do
		if found == 1 then return end
		s.console:send(o.keys)
		found = loader.await(s.console, { o.prompt }, "5s")
	end
	error(errors.new {
		kind = "barebox.autoboot", class = "retry", message = "barebox did not stop autoboot",
		hint = "check the options autoboot, keys and prompt of lib.barebox",
	})
end

-- Waits for barebox after a power cycle. Returns its prompt.
---@param s flashlua.session
---@param options? flashlua.barebox_options
---@return flashlua.barebox
function M.stop(s, options)
	local o = loader.options("barebox.stop", options, defaults)
	stop(s, o)
	local b = {}

	-- Runs a command and returns its output. An exit code other than 0 fails.
	function b:run(cmd, timeout)
		local out = loader.line(s.console, cmd .. TYPED_MARK, MARK, timeout or "1m")
		local _, _, rest = s.console:expect("\n", { timeout = "10s" })
		s.console:expect(o.prompt, { timeout = "10s" })
		local code = rest:match("%d+")
		if code ~= "0" then
			error(errors.new {
				kind = "barebox.exit", class = "retry",
				message = ("barebox: %s exited %s: %s"):format(cmd, code, loader.last_line(out)),
			})
		end
		return (out:gsub("^%s+", ""):gsub("%s+$", ""))
	end

	-- Gets an address, and returns it.
	function b:dhcp()
		b:run(o.network, "2m")
		local address = b:run(("echo $%s.ipaddr"):format(o.interface)):match("^%d+%.%d+%.%d+%.%d+$")
		if not address or address == "0.0.0.0" then
			error(errors.new { kind = "net.dhcp", message = ("barebox: %s has no address after %s"):format(o.interface, o.network) })
		end
		b.address = address
		return address
	end

	-- Copies a file of the policy into barebox's RAM, and returns its path there.
	function b:file(name)
		local at = s:serve(name, { board = b.address })
		local path = "/flashlua-" .. name
		b:run(("mkdir -p %s && mount -t tftp %s %s"):format(DIR, at.tftp_server, DIR))
		local ok, err = pcall(b.run, b, ("cp '%s/%s' %s"):format(DIR, at.tftp_path, path), "10m")
		b:run("umount " .. DIR)
		if not ok then error(err, 0) end
		return path
	end

	-- Loads the kernel, and the initramfs and the device tree if there are any.
	function b:load()
		b.command = "bootm"
		if o.initrd then b.command = b.command .. " -r " .. b:file(o.initrd) end
		if o.dtb then b.command = b.command .. " -o " .. b:file(o.dtb) end
		b.command = b.command .. " " .. b:file(o.kernel)
		b:run(("global linux.bootargs.flashlua=\"%s\""):format(o.args))
	end

	-- Boots what was loaded, and logs in.
	function b:boot()
		loader.enter(s.console, b.command .. TYPED_MARK)
		local back, out = loader.await(s.console, { MARK }, "3s")
		if back then
			local why = loader.last_line(out)
			error(errors.new { kind = "barebox.boot", class = "retry", message = ("barebox: %s: %s"):format(b.command, why) })
		end
		return s:shell()
	end

	return host.closed("barebox", b)
end

-- Switches the board on and boots a Linux in RAM. Returns its shell.
---@param s flashlua.session
---@param options? flashlua.barebox_options
---@return flashlua.shell
function M.boot(s, options)
	local o = loader.options("barebox.boot", options, defaults)
	return loader.boot(s, "barebox", function() return M.stop(s, o) end)
end

-- Returns a flash function for a policy.
---@param options? flashlua.barebox_options
---@return fun(s: flashlua.session, job: flashlua.job)
function M.flash(options)
	local o = loader.options("barebox.flash", options, defaults)
	return loader.flash(function(s) return M.boot(s, o) end)
end

return M
