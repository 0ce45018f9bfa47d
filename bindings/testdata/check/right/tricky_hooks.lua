local family = { console = { baud = 115200 } }
local function make(t)
	t.targets = t.targets or { disk = "/dev/vda" }
	t.boot = t.boot or "x"
	return t
end
local hooks = {}
function hooks.flash(session, job)
	local session2 = session
	session2:step("a", function() end)
	local results = { session:step("b", function() return 1, 2, 3 end) }
	session:log(#results)
	local ok, msg = pcall(function() return job.nonsense_key and 1 end)
	local f = session.step
	f(session, "c", function() end)
	session:shell():write()
end
local conditional = hooks.flash
if family.console.baud == 9600 then conditional = function(x) return x.y.z end end
return make { name = "tricky", flash = conditional, files = {} }
