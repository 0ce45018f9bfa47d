local board = require("boards.sim")
function string.trim(s) return (s:gsub("^%s+", "")) end
function board.flash(s, job)
	local sh = s:shell()
	local out, code = sh:exec("x")
	if code == 0 and out:match("x") and out:gsub("a", "b"):len() > 1 then s:log(out:upper():rep(2)) end
	s:log(("x"):trim())
	s:log(sh:run("x"):trim())
	sh:write(job)
end
return board
