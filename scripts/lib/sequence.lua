-- Sequences of named steps. A board can replace, wrap, add or remove steps. lib.uboot_busybox and lib.uboot_writer
-- have the default ones.
local _, host = ... -- flashlua passes the second argument only to its own modules
local M = {}

-- Returns the steps to a U-Boot with a network, the first ones of every default sequence. A step has a name, the
-- options of s:step, and run(s, job, at).
---@return table[]
function M.uboot_steps()
	return {
		{ name = "power", timeout = "1m", run = function(s) s.power:cycle() end },
		{ name = "uboot", timeout = "2m", run = function(s, job, at) at.uboot = s:uboot() end },
		{ name = "network", timeout = "2m", retries = 2, run = function(s, job, at) at.uboot:dhcp() end },
	}
end

-- Returns the index of a step. An unknown name raises an error at the line that called the method.
local function find(list, name)
	local names = {}
	for i, step in ipairs(list) do
		if step.name == name then return i end
		names[i] = step.name
	end
	host.fail(("the sequence has no step %q; it has %s"):format(tostring(name), table.concat(names, ", ")), 3)
end

-- Returns what is wrong with a field of a step, or nil. The options of before and after are declared in Go.
local function wrong(key, value) return host.wrong_option("sequence:after", key, value) end

-- Checks a step that a board adds; raises an error if it is not valid.
local function check(step)
	if type(step) ~= "table" or step.name == nil or step.run == nil then
		host.fail('a step is { name = "…", run = function(s, job, at) … end }, with the options of s:step', 3)
	end
	for key, value in pairs(step) do
		local what = wrong(key, value)
		if what then host.fail(what, 3) end
	end
	return step
end

-- Returns the function of a step; raises an error if it is not a function.
local function callable(run)
	if type(run) ~= "function" then host.fail("a step's function is missing", 3) end
	return run
end

-- Runs one step.
local function perform(step, s, job, at)
	local options = { timeout = step.timeout, retries = step.retries, aborts = step.aborts }
	if step.destroys then options.destroys = job.target end
	s:step(step.name, options, function() step.run(s, job, at) end)
end

-- Returns a sequence of the steps in list, which a board can edit. results are the names of the fields of at, into
-- which steps put their results; hint says after which step each is there.
---@param list table[]
---@param results string[]
---@param hint string
---@return flashlua.sequence
function M.new(list, results, hint)
	local seq = {}

	-- Replaces the function of a step. Its name, options and position do not change.
	function seq:replace(name, run) list[find(list, name)].run = callable(run) end

	-- Calls wrapper(next, s, job, at) instead of the function of a step; next() calls that function.
	function seq:wrap(name, wrapper)
		local step = list[find(list, name)]
		local inner = step.run
		callable(wrapper)
		step.run = function(s, job, at)
			wrapper(function() inner(s, job, at) end, s, job, at)
		end
	end

	-- Add a step before or after another one.
	function seq:before(name, step) table.insert(list, find(list, name), check(step)) end
	function seq:after(name, step) table.insert(list, find(list, name) + 1, check(step)) end

	function seq:remove(name) table.remove(list, find(list, name)) end

	-- Returns a step, to change its options.
	function seq:step(name)
		local step = list[find(list, name)]
		return setmetatable({}, {
			__index = function(_, key)
				local what = wrong(key)
				if what then host.fail(what, 2) end
				return step[key]
			end,
			__newindex = function(_, key, value)
				local what = wrong(key, value) or value == nil and "an option of a step cannot be nil"
				if what then host.fail(what, 2) end
				step[key] = value
			end,
		})
	end

	-- Runs the steps up to and including last, or all steps if last is nil. Returns their results.
	function seq.run(s, job, last)
		local to = last and find(list, last) or #list
		local at = host.record("at", results, hint)
		for i = 1, to do perform(list[i], s, job, at) end
		return at
	end

	-- The flash function for a policy.
	function seq.flash(s, job) seq.run(s, job) end

	return host.closed("sequence", seq)
end

return M
