-- Runs programs of the station that write a board's media: fastboot, dfu-util and uuu. They need --allow-exec.
--
--   require("lib.host").fastboot({ "flash", "boot", "boot.img" })
--
-- What they write has no receipt: prove it by sh:verify(job) or ub:verify(job).
local _, own = ... -- flashlua passes the second argument only to its own modules
local loader = require("lib.loader")

local M = {}

local CABLE = "is the cable plugged in, and does the board wait for the station: "
local NETWORK = "does the board wait at this address: "
local ACCESS = "be root, or add a udev rule for the board's USB device, as the package android-sdk-platform-tools-common has"

-- What the programs print, in the order in which it is searched for. absent: there is no device.
local fastboot = {
	name = "fastboot", package = "fastboot",
	{ "no permissions", class = "fatal", hint = ACCESS },
	{ "cannot load", class = "fatal", hint = "check the path of the file" },
	{ "No such file", class = "fatal", hint = "check the path of the file" },
	{ "unknown command", class = "fatal", hint = "fastboot --help lists the commands" },
	{ "artition", class = "fatal", hint = "U-Boot knows GPT labels, and fastboot_raw_partition_NAME of its environment" },
	{ "not allowed", class = "fatal", hint = "the device is locked, or its U-Boot is built without this command" },
	{ "unrecognized command", class = "fatal", hint = "this U-Boot is built without the command" },
	{ "waiting for tcp:", absent = true, hint = NETWORK .. "`fastboot tcp` at U-Boot's prompt?" },
	{ "waiting for udp:", absent = true, hint = NETWORK .. "`fastboot udp` at U-Boot's prompt?" },
	{ "waiting for", absent = true, hint = CABLE .. "`fastboot usb 0` at U-Boot's prompt, or fastboot mode of Android?" },
}

local dfu_util = {
	name = "dfu-util", package = "dfu-util",
	{ "No DFU capable USB device", absent = true, hint = CABLE .. "`dfu 0 mmc 0` at U-Boot's prompt, or the boot ROM?" },
	{ "Cannot open DFU device", class = "fatal", hint = ACCESS },
	{ "LIBUSB_ERROR_ACCESS", class = "fatal", hint = ACCESS },
	{ "More than one DFU capable", class = "fatal", hint = 'name one: "--path", "1-1.2", or "--serial", "…"; and the medium: "--alt", "NAME"' },
	{ "Could not open file", class = "fatal", hint = "check the path of the file" },
	{ "Warning: File too short", class = "fatal", hint = "is this the right file?" },
}

local uuu = {
	name = "uuu", package = "uuu",
	{ "LIBUSB_ERROR_ACCESS", class = "fatal", hint = ACCESS },
	{ "open file", class = "fatal", hint = "check the path of the file" },
	{ "Known USB Device Appear", absent = true, hint = CABLE .. "serial download mode of the boot ROM, or `fastboot usb 0` at U-Boot's prompt?" },
}

-- Returns text as a terminal shows it in the end: without colours, and of each line what was printed last.
local function shown(text)
	text = text:gsub("\27%[[%d;?]*%a", ""):gsub("\r+\n", "\n"):gsub("\r+$", "")
	return (text:gsub("[^\n]*\r", ""))
end

-- Returns the rule of the first known text in an output, an empty one if there is none.
local function rule_of(program, output)
	for _, rule in ipairs(program) do
		if output:find(rule[1], 1, true) then return rule end
	end
	return {}
end

-- Raises the error of a program that host.run could not start, or has killed.
local function stopped(program, words, o, err)
	if errors.is(err, "host.start") then
		error(errors.new {
			kind = "host.start", class = "fatal", cause = err,
			message = ("the station has no program %s"):format(o.program),
			hint = ("install it, on Debian: apt-get install %s; or name it by the option program"):format(program.package),
		}, 0)
	end
	local printed = errors.is(err, "host.timeout") and tostring(err):match("^(.*): it took longer than")
	local rule = rule_of(program, printed and loader.last_line(shown(printed)) or "")
	if rule.absent then
		error(errors.new {
			kind = "host.device", class = "retry", hint = rule.hint,
			message = ("no device answered `%s` within %s"):format(table.concat(words, " "), o.timeout),
		}, 0)
	end
	error(err, 0)
end

local function run(program, call, arguments, o)
	if type(arguments) ~= "table" then own.fail(call .. " takes a list of arguments, not a " .. type(arguments), 3) end
	local words = { o.program }
	for i, word in ipairs(arguments) do
		if type(word) ~= "string" and type(word) ~= "number" then
			own.fail(("%s: argument %d is a %s, not a string"):format(call, i, type(word)), 3)
		end
		words[#words + 1] = word
	end
	if #words == 1 then own.fail(call .. " takes a list of arguments, and this one is empty", 3) end
	local ok, output, code = pcall(host.run, words, { timeout = o.timeout })
	if not ok then stopped(program, words, o, output) end
	local text = shown(output --[[@as string]])
	if code == 0 then return text end
	local rule = rule_of(program, text)
	error(errors.new {
		kind = rule.absent and "host.device" or "host.exit", class = rule.class or "retry", hint = rule.hint,
		message = ("%s exited %d: %s"):format(program.name, code, loader.last_line(text)),
	}, 0)
end

-- Runs fastboot with arguments. Returns its output.
---@param arguments (string|number)[]
---@param options? flashlua.program_options
---@return string output
function M.fastboot(arguments, options)
	local o = loader.options("host.fastboot", options, { timeout = "5m", program = fastboot.name })
	return run(fastboot, "host.fastboot", arguments, o)
end

-- Runs dfu-util with arguments. Returns its output.
---@param arguments (string|number)[]
---@param options? flashlua.program_options
---@return string output
function M.dfu_util(arguments, options)
	local o = loader.options("host.dfu_util", options, { timeout = "5m", program = dfu_util.name })
	return run(dfu_util, "host.dfu_util", arguments, o)
end

-- Runs uuu with arguments. Returns its output.
---@param arguments (string|number)[]
---@param options? flashlua.program_options
---@return string output
function M.uuu(arguments, options)
	local o = loader.options("host.uuu", options, { timeout = "5m", program = uuu.name })
	return run(uuu, "host.uuu", arguments, o)
end

return M
