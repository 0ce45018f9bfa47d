-- Defaults for the boards of a family.
local _, host = ... -- flashlua passes the second argument only to its own modules
local M = {}

-- Copies the defaults that t lacks into t, also in nested tables. It does not check the values of t: flashlua
-- reports a wrong key with its line.
---@generic T: table
---@param t T
---@param defaults table
---@return T t
function M.fill(t, defaults)
	if type(t) ~= "table" or type(defaults) ~= "table" then host.fail("family.fill takes two tables, not a " .. type(t) .. " and a " .. type(defaults), 2) end
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
