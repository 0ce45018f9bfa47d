-- Stops a board in U-Boot and prints its environment as JSON. It writes nothing.
--   flashlua run environment.lua -- tcp:127.0.0.1:4001 http://127.0.0.1:4002/{on|off}
return function(args)
	local con = serial.open(args[1])
	local pdu = power.open(args[2], { off_time = "1s" })
	pdu:cycle()
	local ub = uboot.stop(con, { autoboot = "Hit any key to stop autoboot" })
	local env = {}
	for line in (ub:run("printenv") .. "\n"):gmatch("(.-)\n") do
		local name, value = line:match("^(%w+)=(.*)$")
		if name then env[name] = value end
	end
	log.info(json.encode(env))
end
