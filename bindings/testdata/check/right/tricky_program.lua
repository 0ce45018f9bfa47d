-- a program with a policy of its own, and functions of policy names that are none
local tools = {}
function tools.check(s, n) return s.anything + n end
function tools.flash(s) return s.foo end
function tools.classify(e) return e.word end
local function device(args) return { image = args[1], to = args[2] } end
return function(args)
	log.info(tools.check({ anything = 1 }, 2), tools.classify({ word = 1 }), tools.flash({ foo = 1 }))
	local policy = {
		name = "x", targets = { disk = "/dev/vda" }, boot = "x",
		flash = function(s, job)
			local sh = s:shell()
			sh:write(job)
		end,
	}
	local v = flash.run(policy, { image = args[1], port = args[2], retries = tonumber(args[3]), args = { a = 1, b = true } })
	log.info(v.result, v.attempts[1].kind)
	flash.device(device(args))
	local con = serial.open(args[1], { baud = 115200, aborts = { x = "y", reset = false } })
	con:expect({ "a", "b" }, { timeout = "5s" })
	local text, i, before = con:expect("x")
	log.info(i + 1, #before, text .. "x")
	con:drain{ quiet = "1s", timeout = "5s" }
	local ub = uboot.stop(con, { prompt = { "=> " } })
	ub:load("10.0.0.1", "name", 0x1000, 5)
	ub:load("10.0.0.1", "name", 0x1000, 5, nil)
	ub:boot("bootm")
	ub = uboot.stop(con)
	ub:run("x")
	local sh = shell.login(con)
	sh:run("x", { line = function(l) log.info(l) end, stall = "5s" })
	sh:put("/tmp/x", ("x"):rep(5))
	log.info(shell.quote(5), shell.quote("x"), time.now() - 5, time.seconds("5s") + 1)
	local function f(n) return function() return n end end
	f(1)()
	local s = ("x"):rep(3)
	s = s:upper() .. s
	local srv = serve.http()
	local url = srv:offer(image.open(args[1]), "10.0.0.1")
	sh:run("wget " .. url .. srv.port)
	errors.join()
	error(errors.retryable("x"))
end
