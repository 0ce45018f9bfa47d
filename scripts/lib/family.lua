-- What boards of one family have in common goes into each of them.
local M = {}

-- Puts into t what it has not, one table deep. What it has stays, right or wrong: flashlua names the line of a wrong key.
function M.fill(t, defaults)
	for key, value in pairs(defaults) do
		if type(value) == "table" and (t[key] == nil or type(t[key]) == "table") then
			t[key] = t[key] or {}
			M.fill(t[key], value)
		elseif t[key] == nil then
			t[key] = value
		end
	end
	return t
end

return M
