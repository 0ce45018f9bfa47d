-- Decides by what the console says, and by what happened before, whether another try can help.
--   flashlua run classify.lua --image disk.img --port tcp:127.0.0.1:4001 …
local board = require("boards.sim") -- in the place of your own board

function board.classify(err, next)
	if err:console("Retry count exceeded") then return "fatal" end -- the server does not answer: no cable
	local same = 0
	for _, earlier in ipairs(err.history) do
		if earlier.kind == err.kind then same = same + 1 end
	end
	if not err.try and same >= 4 then return "fatal" end -- the same fault in all tries of two attempts
	return next(err)
end

return board
