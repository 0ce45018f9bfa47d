-- Programs that gopher-lua, or an earlier version of its repair, runs wrong. Each must print what lua5.1 prints. A
-- line "--##" is between two programs. out prints its arguments; pcall and coroutine.resume hide the message of an
-- error. ITEMS are the numbers from 1 to 50.
--##
local function k() return 'k' end local t = {ITEMS, [k()]=k()} out(t[1], t[2], t[50], t.k)
--##
local function k() return 'k', 'l' end local t = {ITEMS, k()} out(t[1], t[2], t[50], t[51], t[52])
--##
local function k() return 'k', 'l' end local t = {ITEMS, x=k(), k()} out(t[1], t[2], t[50], t[51], t[52], t.x)
--##
local function k() return 'k', 'l' end local t = {ITEMS, x=k(), k(), 7} out(t[1], t[2], t[50], t[51], t[52], t.x)
--##
local f while true do if 1 then local x = 1 f = function() return x end break end end local y, z, w = 2, 3, 4 out(f(), y)
--##
local f while true do local q = 1 do local x = 1 f = function() return x end break end end local y, z, w = 2, 3, 4 out(f(), y)
--##
local f for i = 1, 3 do do local x = i f = function() return x end if x == 2 then break end end end local y, z, w, v, u = 2, 3, 4, 5, 6 out(f(), y)
--##
local f repeat do local x = 7 f = function() return x end break end until true local y, z, w, v, u = 2, 3, 4, 5, 6 out(f(), y)
--##
local f, n = nil, 0 repeat local x = n f = f or function() return x end n = n + 1 until x > 1 local a, b, c = 8, 9, 10 out(f())
--##
local t, u = {}, {} ; ("x").y = 1 out(t.y, u.y)
--##
local function f(a, b, ...) b = (...) return a, b, ... end out(f(1,2,3,4))
--##
local function f(a, b, ...) local c = 9 a = (...) return a, b, c, ... end out(f(1,2,3,4))
--##
local function f(a, ...) local c, d = 9, 8 a = (...) return a, c, d, ... end out(f(1,2,3,4))
--##
local function f(a) local t = {} t.x = (function() return a end)() a = a and (function() return 4, 5 end)() return a, t.x end out(f(1))
--##
for i = '1', '3' do out(i) end
--##
for i = 1, '3', '2' do out(i) end
--##
for i = '0x10', 17 do out(i) end
--##
out(pcall(error, 42))
--##
out(pcall(function() error(42) end))
--##
out(pcall(function() error(42, 2) end))
--##
out(coroutine.running()) coroutine.wrap(function() out(type(coroutine.running())) end)() local co co = coroutine.create(function() out(coroutine.running() == co) pcall(function() out(coroutine.running() == co) end) end) coroutine.resume(co)
--##
out(math.modf(3.7), math.modf(-3.7), math.modf(1/0), math.modf(-1/0))
--##
out(('5') + setmetatable({}, {__add = function(a, b) return 'added' end}))
--##
local o = setmetatable({}, {__add = function(a, b) return type(a) .. type(b) end}) out('x' + o, o + '5', 5 + o, '5' + o)
--##
local o = setmetatable({}, {__unm = function(a) return 'u' end, __mod = function() return 'm' end}) out(-o, '5' % o, o % '5')
--##
out(table.insert({1,2,3}, 2, 'x'))
--##
local t = {1,2,3} table.insert(t, 0, 'x') out(#t, t[0], t[1])
--##
local t = {1,2,3} table.insert(t, -1, 'x') out(#t, t[-1], t[0], t[1], t[4])
--##
local t = {1,2,3} table.insert(t, '2', 'x') out(#t, t[2])
--##
local t = {1,2,3} table.insert(t, 2.7, 'x') out(#t, t[2], t[3])
--##
local t = {1,2,3} out(pcall(table.insert, t, 1, 2, 3))
--##
local t = {1,2,3} out(pcall(table.insert, t))
--##
local t = {1,2,3} table.insert(t, nil) out(#t)
--##
local t = {1,2,3} out(table.remove(t, 0)) out(#t)
--##
local t = {1,2,3} out(table.remove(t, 5)) out(#t)
--##
local t = {1,2,3} out(table.remove(t, 4)) out(#t)
--##
local t = {1,2,3} out(table.remove(t, -1)) out(#t)
--##
local t = {1,2,3} out(table.remove(t, '1')) out(#t, t[1])
--##
local t = {1,2,3} out(table.remove(t, nil)) out(#t, t[1])
--##
local t = {} out(table.remove(t)) out(select('#', table.remove(t)))
--##
local t = {1} out(select('#', table.remove(t, 3)))
--##
out(table.maxn({1,2,nil,4}), table.maxn({[1.5]=1}), table.maxn({[-1]=1}), table.maxn({n=1,[1e3]=1}), table.maxn({1,[2.5]=1}))
--##
out(string.char(), string.char(65, '66'), pcall(string.char, 256), pcall(string.char, -1))
--##
out(string.char(65.7))
--##
out(('abc'):sub('2'), ('abc'):sub(2.9), ('abc'):sub(-100, 100), ('abc'):sub(0), ('abc'):sub(3, 2), ('abc'):sub(1, -1))
--##
out(string.sub(123, 2), string.len(123), string.rep(12, 2), string.reverse(123))
--##
out(('abc'):len(), #'a\0b')
--##
out(pcall(string.sub))
--##
out(pcall(string.sub, 'x'))
--##
out(('abc'):sub(1, nil), ('abc'):sub(nil))
--##
out(select('2', 'a', 'b'), pcall(select, 0), pcall(select, -5, 1))
--##
out(select(-1, 1, 2, 3)) out(select(2.7, 1, 2, 3)) out(select(5, 1, 2)) out(pcall(select, 'x'))  out(pcall(select)) out(pcall(select, {}))
--##
out(next({}, nil)) out(next({5})) out(pcall(next, {}, 'nokey')) out(pcall(next)) out(next({1}, 1))
--##
out(type(rawset({}, 1, 2)), rawset({}, 'a', 7).a) out(pcall(rawset, {}, nil, 1)) out(pcall(rawset, {}, 0/0, 1)) out(pcall(rawset, 'x', 1, 1)) out(pcall(rawset, {}, 1))
--##
out(rawget({7}, 1), pcall(rawget, 'x', 1)) out(pcall(rawget, {}))
--##
out(rawequal('a', 'a'), rawequal(1, 1), rawequal({}, {}), pcall(rawequal, 1)) out(rawequal(0/0, 0/0))
--##
local t = {} out(pcall(function() t[nil] = 1 end)) out(pcall(function() t[0/0] = 1 end)) out(t[nil], t[0/0])
--##
out(type(nil), pcall(type)) out(pcall(tostring)) out(pcall(ipairs)) out(pcall(pairs, nil)) out(pcall(getmetatable))
--##
out(getmetatable('').__index == string, type(getmetatable('')), getmetatable(setmetatable({}, {__metatable = 5})))
--##
out(pcall(setmetatable, {}), pcall(setmetatable, {}, nil)) out(pcall(setmetatable, {}, 1))
--##
out(pcall(setmetatable, setmetatable({}, {__metatable = false}), {}))
--##
out(math.floor('3.7'), math.abs('-2'), math.max('3', 2), math.sqrt('4'), math.fmod('7', 3))
--##
out(pcall(math.floor), pcall(math.max), pcall(math.min), pcall(math.floor, 'x'), pcall(math.max, 1, nil))
--##
out(math.frexp(8), math.ldexp(1, 3), math.ldexp('1', '3'), math.pow(2, 3), math.log(1), math.log10(100), math.exp(0), math.fmod(-7, 3), math.fmod(7, -3), math.mod(7,3))
--##
out(math.fmod(5, 0) ~= math.fmod(5, 0), math.deg(math.pi), math.rad(180), math.pi, math.atan2(1, 1), math.ceil(1.2), math.ceil(-1.2), math.cosh(0), math.sinh(0), math.tanh(0))
--##
out(math.frexp(0), math.frexp(-3.5)) out(math.frexp(1/0))
--##
for k in string.gmatch('a,b', '%a') do out(k) end for i, v in ipairs({1, nil, 3}) do out(i, v) end
--##
out(table.concat({1,2,3}, ',', 2)) out(table.concat({1,2,3}, ',', 2, 3), table.concat({}, 'x'), pcall(table.concat, {{}}), table.concat({1,2}, 5)) out(table.concat({[5]=1}, ',', 5, 5))
--##
out(unpack({1,2,3}, 2)) out(unpack({1,2,3}, -1, 1)) out(unpack({}, 1, 3)) out(unpack({1,2}, '1', '2'))
--##
out(_VERSION)
--##
local t = setmetatable({}, {__index = function(t, k) return coroutine.yield(k) end}) local co = coroutine.create(function() return t.x end) out(coroutine.resume(co)) out(coroutine.resume(co, 5))
--##
local co = coroutine.create(function() for x in function() return coroutine.yield(1) end do out(x) end end) out(coroutine.resume(co)) out(coroutine.resume(co, 5)) out(coroutine.resume(co))
--##
local co = coroutine.create(function() for x in coroutine.yield do out(x) end end) out(coroutine.resume(co)) out(coroutine.resume(co, 5)) out(coroutine.resume(co))
--##
local mt = {__add = function(...) return coroutine.yield('y') end} local t, u = setmetatable({}, mt), setmetatable({}, mt) local co = coroutine.create(function() local r = t + 1 return 'r', r end) out(coroutine.resume(co)) out(coroutine.resume(co, 5)) out(coroutine.status(co))
--##
local mt = {__concat = function(...) return coroutine.yield('y') end} local t, u = setmetatable({}, mt), setmetatable({}, mt) local co = coroutine.create(function() local r = t .. 'a' return 'r', r end) out(coroutine.resume(co)) out(coroutine.resume(co, 5)) out(coroutine.status(co))
--##
local mt = {__eq = function(...) return coroutine.yield('y') end} local t, u = setmetatable({}, mt), setmetatable({}, mt) local co = coroutine.create(function() local r = t == u return 'r', r end) out(coroutine.resume(co)) out(coroutine.resume(co, 5)) out(coroutine.status(co))
--##
local mt = {__lt = function(...) return coroutine.yield('y') end} local t, u = setmetatable({}, mt), setmetatable({}, mt) local co = coroutine.create(function() local r = t < u return 'r', r end) out(coroutine.resume(co)) out(coroutine.resume(co, 5)) out(coroutine.status(co))
--##
local mt = {__le = function(...) return coroutine.yield('y') end} local t, u = setmetatable({}, mt), setmetatable({}, mt) local co = coroutine.create(function() local r = t <= u return 'r', r end) out(coroutine.resume(co)) out(coroutine.resume(co, 5)) out(coroutine.status(co))
--##
local mt = {__unm = function(...) return coroutine.yield('y') end} local t, u = setmetatable({}, mt), setmetatable({}, mt) local co = coroutine.create(function() local r = -t return 'r', r end) out(coroutine.resume(co)) out(coroutine.resume(co, 5)) out(coroutine.status(co))
--##
local mt = {__newindex = function(...) return coroutine.yield('y') end} local t, u = setmetatable({}, mt), setmetatable({}, mt) local co = coroutine.create(function() local r = (function() t.q = 1 end)() return 'r', r end) out(coroutine.resume(co)) out(coroutine.resume(co, 5)) out(coroutine.status(co))
--##
local mt = {__call = function(...) return coroutine.yield('y') end} local t, u = setmetatable({}, mt), setmetatable({}, mt) local co = coroutine.create(function() local r = t(1) return 'r', r end) out(coroutine.resume(co)) out(coroutine.resume(co, 5)) out(coroutine.status(co))
--##
local mt = {__index = function(...) return coroutine.yield('y') end} local t, u = setmetatable({}, mt), setmetatable({}, mt) local co = coroutine.create(function() local r = t.q return 'r', r end) out(coroutine.resume(co)) out(coroutine.resume(co, 5)) out(coroutine.status(co))
--##
local mt = {__sub = function(...) return coroutine.yield('y') end} local t, u = setmetatable({}, mt), setmetatable({}, mt) local co = coroutine.create(function() local r = 1 - t return 'r', r end) out(coroutine.resume(co)) out(coroutine.resume(co, 5)) out(coroutine.status(co))
--##
local mt = {__tostring = function(...) return coroutine.yield('y') end} local t, u = setmetatable({}, mt), setmetatable({}, mt) local co = coroutine.create(function() local r = tostring(t) return 'r', r end) out(coroutine.resume(co)) out(coroutine.resume(co, 5)) out(coroutine.status(co))
--##
local co = coroutine.wrap(function() return pcall(coroutine.yield, 1) end) out(co()) out(pcall(co, 2))
--##
local co = coroutine.create(function() table.sort({1,2,3}, function(a, b) coroutine.yield('y') return a < b end) end) out(coroutine.resume(co)) out(coroutine.status(co))
--##
local co = coroutine.create(function() return ('abc'):gsub('.', function(a) return coroutine.yield(a) end) end) out(coroutine.resume(co)) out(coroutine.status(co))
--##
out(pcall(coroutine.yield, 1))
--##
local co = coroutine.create(function() return 1 end) out(coroutine.status(co)) coroutine.resume(co) out(coroutine.status(co), pcall(coroutine.resume, 1), pcall(coroutine.create, 1), pcall(coroutine.wrap)) out(coroutine.resume(co))
--##
local a, b a = coroutine.create(function() out(coroutine.status(a)) coroutine.resume(b) end) b = coroutine.create(function() out(coroutine.status(a), coroutine.status(b)) end) coroutine.resume(a) out(coroutine.status(a))
--##
local t = {10,20,30} for k, v in pairs(t) do t[k] = nil end out(next(t))
--##
local t = {a=1,b=2,c=3} for k, v in pairs(t) do t[k] = nil end out(next(t))
--##
out(1 < 2, pcall(function() return 1 < '2' end), pcall(function() return {} < {} end), '10' < '9', pcall(function() return 1 <= '2' end), pcall(function() return nil > 1 end))
--##
out(2^53 == 2^53 + 1, -2^2, 2^3^2, 7 % -3, -7 % 3, -7 % -3, 5.5 % 2, 1e15, 1e14, 123456789012345678, 0.1, 1/3, -1/0 < 0)
--##
out(10 .. 20, 1.5 .. '', -0 .. '', 1e100 .. '', 2^63 .. '')
--##
out(tostring(1e15), tostring(1e14), tostring(0.1), tostring(-1.5e-10), tostring(2^53), tostring(1/0), tostring(-1/0))
--##
out(tostring(setmetatable({}, {__tostring = function() return 'T' end})), pcall(tostring, setmetatable({}, {__tostring = function() return 5 end})))
--##
local t = setmetatable({}, {__call = function(self, a) return a end}) out(t(5), pcall(t, 6))  for x in setmetatable({}, {__call = function(_, s, c) if not c then return 1 end end}) do out(x) end
--##
local t = setmetatable({}, {__index = {a = 1}, __newindex = function(t, k, v) rawset(t, k, v + 1) end}) t.b = 1 out(t.a, t.b, rawget(t, 'a'))
--##
local t = setmetatable({}, {__eq = function() return true end}) local u = setmetatable({}, {__eq = function() return true end}) out(t == u, t ~= u)
--##
local f = function() return true end local t = setmetatable({}, {__lt = f}) local u = setmetatable({}, {__lt = f}) out(t < u, t > u, t <= u, t >= u)
--##
local s = 'x' local function f(...) local a, b = ... return a, b, select('#', ...) end out(f()) out(f(nil)) out(f(1, 2, 3))
--##
local function f(...) return arg end out(type(f(1))) local function g(...) return arg.n end out(pcall(g, 1, 2))
--##
out(pcall(string.rep, 'x', -1), ('x'):rep(0), pcall(string.rep, 'x'))
--##
out(('x'):rep('3'), string.format('%d', '10'), string.format('%d', 3.9), pcall(string.format, '%d', 'x'))
--##
out(tonumber('  10  '), tonumber('10', 2), tonumber(nil), pcall(tonumber), tonumber('1e1'), tonumber('0x'), tonumber({}), tonumber('z', 36), pcall(tonumber, '1', 1))
--##
out(xpcall(function() error('x', 0) end, function(m) return m .. '!', 2 end)) out(xpcall(function(...) return select('#', ...) end, error, 1, 2))
--##
out(pcall(pcall)) out(pcall(xpcall)) out(pcall(nil)) out(pcall(error)) out(select('#', pcall(error))) out(pcall(error, nil))
--##
out(pcall(assert)) out(assert(1, 2, 3)) out(pcall(assert, nil, {})) out(pcall(assert, false, 'm', 3))
--##
local function f(p, ...) p = (tostring(1)) return p end out(f(1, 2)) out(f())
--##
local function f(p, ...) p = tostring(1) return p end out(f(1, 2)) out(f())
--##
local function f(p, ...) for i = 1, 2 do p = (tostring(i)) end return p end out(f(1, 2)) out(f())
--##
local function f(p, ...) for i = 1, 2 do p = tostring(i) end return p end out(f(1, 2)) out(f())
--##
local function f(p, ...) for i = 1, 2 do p = ("x"):upper() end return p end out(f(1, 2)) out(f())
--##
local function f(p, ...) for i = 1, 2 do p = (("x"):gsub("x", "y")) end return p end out(f(1, 2)) out(f())
--##
local function f(p) for i = 1, 2 do p = (("x"):gsub("x", "y")) end return p end out(f(1, 2)) out(f())
--##
local function f(p, ...) local q = 1 while q < 3 do q = q + 1 p = (select(2, p, "x")) end return p end out(f(1, 2)) out(f())
--##
local function f(p, ...) local q = 1 while q < 3 do q = q + 1 p = (select(2, p, "x")) end return p end out(f())
--##
local function f(p, ...) p = (select(2, p, "x")) p = (select(2, p, "x")) return p end out(f(1))
--##
local function f(p, ...) p = (select(2, p, "x")) return p end out(f(1)) out(f(1))
--##
local function f(p, ...) local q = 1 p = (select(2, p, "x")) return p, q end out(f(1)) out(f(1))
--##
local function f(p, ...) for i = 3, 3, 2 do p = (("abc"):gsub("%a", "x")) end end out(f(1, 2, 3)) out(f())
--##
local function f(p, ...) for i = 3, 3, 2 do p = (("abc"):gsub("%a", function(a) return a end)) end end out(f(1, 2, 3))
--##
local function f(p, ...) for i = 3, 3, 2 do p = ("abc"):gsub("%a", function(a) return a end) end end out(f(1, 2, 3))
--##
local function f(p, ...) for i = 3, 3, 2 do p = id and 1 end end local id = 1
--##
local function f(p, ...) local q = 0 while q < 2 do q = q + 1 p = (select(2, p, type("x"))) end return p end out(f(1, 2, 3))
--##
local function f(p, ...) local q = 0 while q < 2 do q = q + 1 p = (tostring(type("x"))) end return p end out(f(1, 2, 3))
--##
local function f(p, ...) local q = 0 while q < 2 do q = q + 1 p = tostring(type("x")) end return p end out(f(1, 2, 3))
--##
local function f(p, ...) local q = 0 while q < 2 do q = q + 1 p = tostring(type(p)) end return p end out(f(1, 2, 3))
--##
local function f(p) local q = 0 while q < 2 do q = q + 1 p = (tostring(type("x"))) end return p end out(f(1, 2, 3))
--##
local function f(p, ...) local q = 0 q = q + 1 p = (tostring(type("x"))) return p end out(f(1, 2, 3))
--##
local function f(p, ...) p = (tostring(type("x"))) return p end out(f(1, 2, 3))
--##
local function f(p, ...) local r = {} for i = 1, 3 do r[i] = (tostring(type("x"))) end return r end out(f(1, 2, 3))
--##
local function f(p, ...) local x for i = 1, 3 do x = (tostring(type("x"))) end return x end out(f(1, 2, 3))
--##
local function f(...) local x for i = 1, 3 do x = (tostring(type("x"))) end return x end out(f(1, 2, 3))
--##
local function f(p) local x for i = 1, 3 do x = (tostring(type("x"))) end return x end out(f(1, 2, 3))
--##
local x for i = 1, 3 do x = (tostring(type("x"))) end out(x)
--##
local function f() local x for i = 1, 3 do x = (tostring(type("x"))) end return x end out(f())
--##
local function f() local x for i = 1, 3 do x = (tostring(i)) end return x end out(f())
--##
local function f(a, b, c) for i = 1, 3 do a = (tostring(type("x"))) end return a, b, c end out(f(1, 2, 3))
--##
local function f(a, b, c) for i = 1, 3 do a = (select(2, 1, 2, 3, 4, 5)) end return a, b, c end out(f(1, 2, 3))
--##
local function f(a, ...) for i = 1, 3 do a = (select(2, 1, 2, 3, 4, 5)) end return a, ... end out(f(1, 2, 3))
--##
local function f(a, ...) local b = 7 a = (select(2, 1, 2, 3, 4, 5)) return a, b, ... end out(f(1, 2, 3))
--##
local f, r = nil, {} for i = 1, 5 do do local y = i f = function() return y end if i == 3 then break end r[i] = f end end local a, b, c, d, e = 11, 12, 13, 14, 15 out(f(), r[1](), r[2]())
--##
local a = 1 local f = function() return a end while true do local b = 2 local g = function() b = b + 1 return b end a = 5 if g() > 2 then break end end a = 7 out(f())
--##
local function p() for k, v in pairs({1,2,3}) do local f = function() return v end if v == 2 then return f end if v == 9 then break end end end out(p()())
--##
local t = {1,2,3} t[3] = nil out(table.remove(t), #t) table.insert(t, 9) out(#t, t[2])
--##
local t = {1,2,3,x=1,y=2} local n = 0 for k in pairs(t) do n = n + 1 if type(k) == 'number' then table.remove(t) end end out(n)
--##
out(table.concat({[0]='z','a','b'}, ',', 0, 2), unpack({[0]=5, 6}, 0, 1)) out(unpack({[-1]=4,[0]=5, 6}, -1, 1))
