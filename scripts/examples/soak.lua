-- Flashes a board repeatedly, to measure how reliable it is. Arguments: image, port, number of flashes.
--   flashlua run soak.lua -- disk.img sim:dhcp=1 3
return function(args)
	local image, port, times = args[1], args[2], tonumber(args[3] or "10")
	local attempts = 0
	for i = 1, times do
		local verdict = flash.retry(function(n)
			if n > 1 then log.warn("once more, for the " .. n .. ". time") end
			return flash.run("sim", { image = image, port = port, retries = 1 })
		end, { retries = 2 })
		attempts = attempts + verdict.attempt
		log.info(("%d of %d: %s"):format(i, times, verdict.result))
	end
	log.info(("%d flashes took %d attempts"):format(times, attempts))
end
