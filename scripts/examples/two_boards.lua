-- Flashes an image to several boards, one after the other. At the end it raises the errors of those that failed.
--   flashlua run two_boards.lua -- disk.img sim: sim:dhcp=1
return function(args)
	local path = table.remove(args, 1)
	if not path or #args == 0 then error(errors.fatal("usage: two_boards.lua -- IMAGE PORT…")) end
	local failed = {}
	for i, port in ipairs(args) do
		log.info(("board %d of %d, at %s"):format(i, #args, port))
		local ok, result = pcall(flash.run, "sim", { image = path, port = port })
		if ok then
			log.info(("verified on %s, attempt %d"):format(result.target.device, result.attempt))
		else
			table.insert(failed, result)
		end
	end
	if #failed > 0 then error(errors.join(unpack(failed))) end
end
