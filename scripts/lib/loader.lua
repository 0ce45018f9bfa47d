-- Types lines at a boot loader's console, for lib.grub and lib.barebox.
local _, host = ... -- flashlua passes the second argument only to its own modules
local M = {}

-- Bytes that are typed before their echo is compared, in each try: a UART keeps 16 while the boot loader is busy. A
-- UEFI firmware that also reads the serial port takes some of them from GRUB.
local CHUNKS = { 12, 12, 1, 1, 1 }

-- Waits for the echo of a part of a line. Returns "right", "wrong", or "none" if nothing came. The echo of a long line
-- has line ends in it.
local function await_echo(con, part)
	local got, last = "", part:sub(-1)
	while #got < #part do
		local ok, text, _, before = pcall(con.expect, con, last, { timeout = "2s" })
		if not ok then
			if not errors.is(text, "console.timeout") then error(text, 0) end
			return got == "" and "none" or "wrong"
		end
		got = got .. string.gsub(before .. text, "[\r\n]", "")
	end
	return got == part and "right" or "wrong"
end

-- Types a part of a line. Reports whether the boot loader echoed it. A single byte that was lost is typed again.
local function echoed(con, part)
	for _ = 1, #part == 1 and 5 or 1 do
		con:send(part)
		local echo = await_echo(con, part)
		if echo ~= "none" then return echo == "right" end
	end
	return false
end

-- Types text without Enter. A text whose echo is wrong is cleared with Ctrl-U and typed again.
local function type_text(con, text)
	for _, chunk in ipairs(CHUNKS) do
		local right = true
		for at = 1, #text, chunk do
			right = right and echoed(con, text:sub(at, at + chunk - 1))
		end
		if right then return end
		for _ = 1, 3 do -- it may be lost as well
			con:send("\21")
			con:drain { quiet = "150ms", timeout = "2s" }
		end
	end
	error(errors.new {
		kind = "console.echo",
		message = ("the boot loader did not echo what was typed, %d times: %s"):format(#CHUNKS, text),
		hint = "check cable and baud rate; set console.chunk and console.delay in the policy if the boot loader is slow to read",
	})
end

-- Waits for one of several texts. Returns the index of the one that came and what came before it; nil and "" after
-- the timeout.
---@param con flashlua.console
---@param texts string[]
---@param timeout duration
---@return integer? index
---@return string before
function M.await(con, texts, timeout)
	local ok, err, index, before = pcall(con.expect, con, texts, { timeout = timeout })
	if ok then return index --[[@as integer]], before --[[@as string]] end
	if not errors.is(err, "console.timeout") then error(err, 0) end
	return nil, ""
end

-- Types a line and Enter, which is pressed again until the boot loader shows a new line.
---@param con flashlua.console
---@param text string
function M.enter(con, text)
	if text:find("[\r\n]") then host.fail("a command is one line", 4) end
	type_text(con, text)
	for _ = 1, 5 do
		con:line("")
		if M.await(con, { "\n" }, "2s") then return end
	end
end

-- Types a line and Enter, and waits for a text. Returns what came before that text.
---@param con flashlua.console
---@param text string
---@param wait_for string
---@param timeout? duration
---@return string before
function M.line(con, text, wait_for, timeout)
	M.enter(con, text)
	local _, _, before = con:expect(wait_for, { timeout = timeout })
	return before
end

-- Returns the last line of a text that is not blank.
---@param text string
---@return string
function M.last_line(text) return text:match("([^\n]*%S[^\n]*)%s*$") or "no output" end

-- Switches the board on and boots a Linux in RAM by a boot loader. stop returns the boot loader's prompt. Returns the
-- shell of that Linux.
---@param s flashlua.session
---@param name string of the step that stops the boot loader
---@param stop fun(): flashlua.grub|flashlua.barebox
---@return flashlua.shell
function M.boot(s, name, stop)
	local prompt
	s:step("power", { timeout = "1m" }, function() s.power:cycle() end)
	s:step(name, { timeout = "5m" }, function() prompt = stop() end)
	s:step("network", { timeout = "5m", retries = 2 }, function() prompt:dhcp() end)
	s:step("load", { timeout = "15m", retries = 1 }, function() prompt:load() end)
	return s:step("linux", { timeout = "5m" }, function() return prompt:boot() end)
end

-- Returns a flash function for a policy, which boots by boot(s) and writes the image.
---@param boot fun(s: flashlua.session): flashlua.shell
---@return fun(s: flashlua.session, job: flashlua.job)
function M.flash(boot)
	return function(s, job)
		local sh = boot(s)
		s:step("write", { destroys = job.target }, function() sh:write(job) end)
	end
end

-- The options that may be false.
local optional = { initrd = true, dtb = true }

-- Returns what is wrong with an option, or nil.
local function wrong(key, value, choices)
	if type(value) ~= "string" then
		return not (value == false and optional[key]) and "must be a string, not a " .. type(value)
	end
	if key == "timeout" and not pcall(time.seconds, value) then
		return ('must be a duration with its unit, "90s", not %q'):format(value)
	end
	local known = choices and choices[key]
	if known and not known[value] then return ("cannot be %q"):format(value) end
end

-- Returns options with the defaults that they lack. An unknown option, and one that has a wrong value, is an error in
-- the line that called the caller of this function. choices has the values of options that take only some.
---@param name string
---@param given? table
---@param defaults table
---@param choices? table<string, table<string, boolean>>
---@return table
function M.options(name, given, defaults, choices)
	if given ~= nil and type(given) ~= "table" then
		host.fail(("%s takes a table of options, not a %s"):format(name, type(given)), 3)
	end
	local all, known = {}, {}
	for key, value in pairs(defaults) do
		all[key], known[#known + 1] = value, key
	end
	table.sort(known)
	for key, value in pairs(given or {}) do
		if defaults[key] == nil then
			host.fail(("%s has no option %s; it has %s"):format(name, tostring(key), table.concat(known, ", ")), 3)
		end
		local what = wrong(key, value, choices)
		if what then host.fail(("%s: option %s %s"):format(name, key, what), 3) end
		all[key] = value
	end
	return all
end

return M
