local seq = require("lib.uboot_busybox").sequence()
local sh
local function hold(s, job, at) sh = at.shell end
seq:after("linux", { name = "hold", run = hold })
seq:before("write", { name = "fan", timeout = "5s", retries = 1, destroys = false, run = function() sh:run("echo") end })
seq:replace("uboot", function(s, job, at)
	for try = 1, 3 do
		local ok, ub = pcall(s.uboot, s)
		if ok then at.uboot = ub return end
		s.power:cycle()
	end
	at.uboot = s:uboot()
end)
seq:wrap("linux", function(next, s, job, at)
	at.uboot:run("x")
	next()
	at.shell:run("y")
end)
local names = { "power", "uboot" }
for _, n in ipairs(names) do seq:wrap(n, function(next, s) s:log(n) next() end) end
local policy = {
	name = "tricky", targets = { disk = "/dev/vda" }, boot = "x",
	flash = function(s, job) seq.flash(s, job) end,
	classify = function(err, next)
		for _, e in ipairs(err:chain()) do if e.kind == "x" then return "fatal" end end
		local at = err:find("net")
		if at and at.step == "network" then return "retry" end
		return (next(err))
	end,
	backoff = function(n, err, next) return n > 3 and "5m" or next(n, err) end,
	check = function(s, report)
		s.power:cycle()
		local shell = s:shell()
		assert(shell:run("uname") == "Linux", "x")
		if report.attempt > 1 then s:log(report.result) end
		s:log(report.target.device)
	end,
}
return policy
