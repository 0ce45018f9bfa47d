local board = require("boards.sim")
local lab = require("lab")
local Class = {}
Class.__index = Class
function Class.new(s) return setmetatable({ s = s, run = nil }, Class) end
function Class:run(cmd, opts) return self.s:shell(), opts and opts.mode end
function Class:expect(n) return n end
function Class:sleep(n) return n end
local function each(...)
	local out = {}
	for i = 1, select("#", ...) do out[i] = (select(i, ...)) end
	return unpack(out)
end
local function twice(f, ...) f(...) return f(...) end
local shell
local function pick(s, kind)
	if kind == "uboot" then return s:uboot() end
	return s:shell()
end
local time = { sleep = function(n) return n end }
local function retry(n, f) for i = 1, n do if pcall(f, i) then return i end end end
function board.flash(s, job)
	local o = Class.new(s)
	o:run("x", { mode = 3, timout = 5 })
	o:expect(5)
	time.sleep(5)
	local s2 = s
	do local s = { foo = function() return 1 end } s.foo() s.bar = 1 end
	each(1, 2, s)
	lab.note(s, "x")
	lab.with({ fish = 1 }, function(o) return o.fish end)
	lab.with(s, function(s) return s.attempt end)
	local x = pick(s, "shell")
	x:exec("true")
	local ub = s:uboot()
	if job.attempt > 1 then s.power:cycle() ub = s:uboot() end
	ub:run("x")
	for i = 1, 3 do
		local ok = pcall(ub.run, ub, "probe " .. i)
		if not ok then s.power:cycle() ub = s:uboot() end
	end
	ub:run("y")
	pcall(function() ub:boot("bad") end)
	ub:run("z")
	local ok, err = pcall(ub.boot, ub, "bad")
	ub:run("z")
	local again = false
	local function fresh() s.power:cycle() ub = s:uboot() end
	fresh()
	ub:run("z")
	s:step("boot", { retries = 1, timeout = again and "5m" or "10m" }, function()
		shell = ub:boot()
	end)
	shell:run("x", lab.defaults)
	local opts = { timeout = "5s" }
	if job.size > 5 then opts.timeout = "9s" end
	shell:run("x", opts)
	local d = ("%ds"):format(5)
	shell:run("x", { timeout = d })
	shell:run("x", { timeout = 5 .. "s" })
	local n = job.verify_only and 1 or 2
	s:log(n)
	s:log(nil)
	s:log(job)
	log.info(s, job, nil)
	local co = coroutine.wrap(function(a) local b = coroutine.yield(a) return b.fish end)
	co(1)
	co({ fish = 1 })
	shell:write(job)
	shell:run("sync")
	local t = setmetatable({}, { __index = function(_, k) return function(...) return k end end })
	t.anything(1)
	t:other("x")
	local e = errors.fatal("x", err)
	if e.cause then log.info(e.cause.kind) end
	local last = s.last_error
	if last and last:is("net") then s:log(last.message) end
	retry(2, function(i) shell:run("echo " .. i) end)
	for _, step in ipairs({ { "a", function(sh) sh:run("a") end } }) do step[2](shell) end
	twice(s.log, s, "x")
	local log = s.log
	log(s, "text")
	local run = shell.run
	run(shell, "true")
	goto done
	::done::
end
return board
