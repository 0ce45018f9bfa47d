-- Flashes an image to several boards, two at a time. The verdict of the program has the summary that it returns.
--   flashlua run four_boards.lua --verdict v.json -- disk.img sim: sim:dhcp=1 sim: sim:
return function(args)
	local image = table.remove(args, 1)
	if not image or #args == 0 then error(errors.fatal("usage: four_boards.lua -- IMAGE PORT…")) end
	local flashes = {}
	for i, port in ipairs(args) do flashes[i] = { "sim", { image = image, port = port, retries = 1 } } end

	local verdicts, failed = flash.all(flashes, { parallel = 2, stop_after = 2 })

	local boards = {}
	for i, v in ipairs(verdicts) do
		boards[i] = { port = v.port, result = v.result, attempts = v.attempt, kind = v.kind, state = v.target.state }
	end
	return { image = image, failed = failed, verified = #verdicts - failed, boards = boards }
end
