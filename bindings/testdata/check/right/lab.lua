local M = {}
-- used by programs too
function M.open_rack(port) return serial.open(port) end
function M.note(s, text) s:log(text) end
function M.with(obj, f) return f(obj) end
M.defaults = { timeout = "5s" }
return M
