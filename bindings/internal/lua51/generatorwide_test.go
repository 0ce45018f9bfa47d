package lua51

import (
	"fmt"
	"strconv"
	"strings"
)

// assign writes an assignment to a variable, of any kind.
func (g *generator) assign(v string) {
	other := g.local()
	kinds := []string{
		g.expr(), g.value(), "id(" + g.expr() + ")", "(id(" + g.expr() + ", " + g.value() + "))", "str(" + v + ") .. " + g.text(), g.text() + " .. str(" + v + ") .. " + g.text(),
		"(" + g.text() + "):gsub(" + g.pattern() + ", 'x')", "((" + g.text() + "):gsub(" + g.pattern() + ", 'x'))", "tostring(" + g.pick(g.number(), g.text(), "nil", "true") + ")", "(tostring(type(" + v + ")))",
		"(select(2, " + v + ", " + g.value() + ", 3))", v + " and " + g.expr(), v + " or " + g.expr(), "not " + v, "#" + g.text(), "- " + g.number(), g.number() + " + " + g.number(),
		v + " == " + other, g.number() + " < " + g.number(), "{ " + g.value() + " }", "({ " + g.value() + ", " + v + " })[" + strconv.Itoa(1+g.IntN(3)) + "]", "function() return " + v + " end",
		"(function(...) return ... end)(" + g.value() + ", " + v + ")", "nil", "true", other, "(" + other + ")", "try(id, " + g.expr() + ")", "(try(id, " + g.expr() + "))",
	}
	if g.dots {
		kinds = append(kinds, "...", "(...)", "(...)", "select('#', ...)", "(select(2, ...))", "({ ... })[2]", "id(...)", "(id(...))", "... or "+v)
	}
	value := g.pick(kinds...)
	switch g.IntN(8) {
	case 0:
		g.line("%s, %s = %s", v, other, value)
	case 1:
		g.line("%s, %s = %s, %s", other, v, g.value(), value)
	case 2:
		g.line("%s = %s, %s", v, value, g.expr())
	case 3:
		t := g.name()
		g.line("local %s = { %s } %[1]s[%[3]d], %[2]s = %[4]s out(type(%[1]s[1]), type(%[1]s[2]))", t, v, 1+g.IntN(2), value)
	default:
		g.line("%s = %s", v, value)
	}
}

// wide writes a statement of those that a fault of gopher-lua was once found in.
func (g *generator) wide() {
	switch g.IntN(10) {
	case 0, 1:
		g.function()
	case 2:
		g.loopVariable()
	case 3:
		g.upvalue()
	case 4:
		g.breaks()
	case 5:
		g.longTable()
	case 6:
		g.yields()
	case 7, 8:
		g.library()
	case 9:
		g.operators()
	}
}

// function writes a function that assigns to its parameters, and calls of it.
func (g *generator) function() {
	f := g.name()
	var params []string
	for range g.IntN(4) {
		params = append(params, g.name())
	}
	kept, dots := g.locals, g.dots
	all := params
	if g.dots = g.IntN(2) == 0; g.dots {
		all = append(params[:len(params):len(params)], "...")
	}
	head := fmt.Sprintf("local function %s(%s)", f, strings.Join(all, ", "))
	if g.IntN(4) == 0 {
		head = fmt.Sprintf("local %s = {} function %[1]s:m(%[2]s)", f, strings.Join(all, ", "))
	}
	g.line("%s", head)
	if len(params) > 0 {
		g.locals = append(g.locals[:len(g.locals):len(g.locals)], params...)
	}
	g.depth++
	for range 1 + g.IntN(3) {
		if len(params) > 0 {
			p := params[g.IntN(len(params))]
			if g.IntN(3) > 0 {
				p = params[len(params)-1]
			}
			if g.IntN(3) == 0 {
				n := g.name()
				g.line("for %s = 1, 2 do", n)
				g.assign(p)
				g.line("end")
			} else {
				g.assign(p)
			}
		}
		g.statement()
	}
	g.depth--
	g.line("return %s end", strings.Join(append(all[:len(all):len(all)], "'end'"), ", "))
	g.locals, g.dots = kept, dots
	call := f
	if strings.Contains(head, ":m(") {
		call = f + ".m, " + f
	}
	g.line("out(try(%s)) out(try(%[1]s, %[2]s)) out(try(%[1]s, %[3]s, %[4]s, %[5]s, 9))", call, g.value(), g.value(), g.value(), g.value())
}

// loopVariable writes a loop that assigns to its own variables.
func (g *generator) loopVariable() {
	k, v, n := g.name(), g.name(), g.name()
	g.line("local %s = 0", n)
	g.line("%s", g.pick(
		fmt.Sprintf("for %s = 1, 3 do local %s = %[1]s", k, v), fmt.Sprintf("for %s = '1', '3' do local %s = 1", k, v), fmt.Sprintf("for %s = 3, id('1'), '-1' do local %s", k, v),
		fmt.Sprintf("for %s, %s in pairs({ 1, 2, 3 }) do", k, v), fmt.Sprintf("for %s, %s in ipairs({ 'a', 'b' }) do", k, v),
		fmt.Sprintf("for %s, %s in string.gmatch('ab cd', '(%%w)(%%w)') do", k, v)))
	kept := g.locals
	g.locals = append(g.locals[:len(g.locals):len(g.locals)], k, v)
	g.line("%s = %[1]s + 1 if %[1]s > 5 then break end", n)
	g.assign(g.pick(k, v))
	g.depth++
	g.statement()
	g.depth--
	g.line("out(%s, %s)", k, v)
	g.line("end out(%s)", n)
	g.locals = kept
}

// upvalue writes functions that assign to a variable around them.
func (g *generator) upvalue() {
	v, f, h := g.local(), g.name(), g.name()
	g.line("local function %s(...)", f)
	dots := g.dots
	g.dots = true
	g.assign(v)
	g.dots = dots
	g.line("return %s end local function %s() return %[1]s end", v, h)
	g.line("out(try(%s, %s, %s)) out(%s())", f, g.value(), g.value(), h)
	g.assign(v)
	g.line("out(%s())", h)
}

// breaks writes a loop that ends out of nested blocks whose variables live on in functions.
func (g *generator) breaks() {
	f, n, x, r, live, read := g.name(), g.name(), g.name(), g.name(), g.name(), g.name()
	g.line("local %s, %s, %s, %s = nil, 0, {}, %s local function %s() return %[4]s end", f, n, r, live, g.value(), read)
	loop := g.pick("while true do", "repeat", "for _ = 1, 9 do", "for _ in pairs({ 1, 2, 3, 4 }) do")
	g.line("%s %s = %[2]s + 1", loop, n)
	open, end := g.pick("do", "if true then", "do do", "if "+n+" then do"), "end"
	if strings.Count(open, "do")+strings.Count(open, "then") > 1 {
		end = "end end"
	}
	g.line("%s local %s = %s %s = function() return %[2]s end %[5]s[%[3]s] = %[4]s", open, x, n, f, r)
	g.line("if %s > %d then break end %s %s = %s", n, 1+g.IntN(3), end, live, g.value())
	if g.IntN(2) == 0 {
		g.line("%s = %s if %s > 1 then break end", live, g.value(), n)
	}
	if loop == "repeat" {
		g.line("until %s > 4", n)
	} else {
		g.line("end")
	}
	var fill []string
	for range 6 {
		fill = append(fill, g.name())
	}
	g.line("do local %s = 'a', 'b', 'c', 'd', 'e', 'f' %s = 'new' out(%s(), %s[1](), %s()) end", strings.Join(fill, ", "), live, f, r, read)
}

// longTable writes a table constructor of about a multiple of 50 values, with names between them.
func (g *generator) longTable() {
	t := g.name()
	count := g.pickInt(1, 3, 48, 49, 50, 50, 51, 99, 100, 100, 101)
	named := g.IntN(count + 3)
	var fields []string
	for i := range count {
		if i == named {
			fields = append(fields, g.pick("k = ", "['k'] = ", "[id('k')] = ")+g.expr())
		}
		fields = append(fields, g.pick(strconv.Itoa(i), strconv.Itoa(i), strconv.Itoa(i), "id("+strconv.Itoa(i)+")", g.number()))
	}
	if g.IntN(3) == 0 {
		fields = append(fields, g.pick("k", "j")+" = "+g.pick("id(1, 2)", g.value()))
	}
	fields = append(fields, g.pick("nil", "id('y', 'z')", "(id('y', 'z'))", "'last'", "k = id('y', 'z')", "[id('j')] = id('y')", "unpack({ 'y', 'z' })"))
	g.line("local %s = { %s }", t, strings.Join(fields, ", "))
	g.line("out(%s[1], %[1]s[2], %[1]s[49], %[1]s[50], %[1]s[51], %[1]s[52], %[1]s[53], %[1]s[100], %[1]s[101], %[1]s[102], %[1]s.k, %[1]s.j)", t)
}

// yields writes a coroutine that yields, mostly where it cannot.
func (g *generator) yields() {
	co := g.name()
	g.line("local %s = coroutine.create(function(...) local y = coroutine.yield local t = setmetatable({}, { __index = function(_, k) return y(k) end, __add = function() return y('add') end,"+
		" __lt = function() return y('lt') end, __call = function(_, v) return y(v) end, __newindex = function(_, k) y(k) end, __unm = function() return (y('unm')) end, __concat = function() return y('cat') end })", co)
	g.line("local r = %s out(type(r)) return r, coroutine.running() ~= nil end)", g.pick(
		"y(1)", "(function() return y(2), 3 end)()", "t.x", "t + 1", "t < t", "t(4)", "-t", "t .. 'x'", "(function() t.q = 1 end)()", "(function() for v in y do return v end end)()",
		"(function() for v in function() return (y(5)) end do return v end end)()", "(function() table.sort({ 1, 2 }, function() return y('s') end) end)()", "('ab'):gsub('.', y)", "pcall(y, 6)",
		"(function() for v in coroutine.wrap(function() coroutine.yield(7) end) do return y(v) end end)()", "(function() local a, b, c = y(8, 9) return b end)()", "id(y(), y())"))
	for range 3 {
		g.line("out(hide(coroutine.resume(%s, %s, %s))) out(coroutine.status(%[1]s))", co, g.value(), g.value())
	}
	g.line("out(coroutine.running())")
}

// library writes calls of small functions with odd arguments.
func (g *generator) library() {
	t, n := g.name(), 1+g.IntN(4)
	number := func() string {
		return g.pick("0", "1", "2", "3", "-1", "-2", "5", "'2'", "2.7", "'0x1'", "'010'", "nil", "'x'", "{}")
	}
	switch g.IntN(6) {
	case 0:
		g.line("local %s = { %s }", t, strings.Join([]string{"10", "20", "30", "40"}[:n], ", "))
		at := g.pick("1", "'1'", strconv.Itoa(n), strconv.Itoa(n+1), "1.5", "0", "-1", "'x'", "nil", "{}")
		g.line("out(try(table.insert, %s%s)) out(%[1]s[-1], %[1]s[0], %[1]s[1], %[1]s[2], %[1]s[3], %[1]s[4], %[1]s[5])", t, g.pick(", "+at+", 'new'", ", "+at+", 'new'", ", "+at+", nil", ", "+at+", 1, 2", ", 'new'", ", nil", ""))
		g.line("%s = { %s } out(try(table.remove, %[1]s%[3]s)) out(#%[1]s, %[1]s[1], %[1]s[2], %[1]s[3], %[1]s[4])", t, strings.Join([]string{"10", "20", "30", "40"}[:n], ", "), g.pick("", ", "+number()))
	case 1:
		g.line("out(try(table.maxn, { 1, %s, [%s] = 1, [%s] = 2 }))", g.value(), g.pick("7", "2.5", "-3", "'x'", "1e3"), g.pick("1.5", "true", "12"))
	case 2:
		g.line("out(try(select, %s, 'a', 'b', 'c'))", g.pick(number(), "'#'", "-3", "-4", "4", "9"))
		g.line("out(try(next, { 7, k = 8 }, %s)) out(try(next, { k = 8 }, %s))", g.pick("nil", "1", "'k'", "'zz'", "true"), g.pick("nil", "'k'", "'zz'", "-5", "0.5"))
	case 3:
		g.line("local %s = {} out(try(rawset, %s, %s, %s)) out(%[1]s[1], %[1]s.k, rawget(%[1]s, 0))", t, g.pick(t, t, "'x'"), g.pick("1", "'k'", "0", "nil", "0/0"), g.value())
		g.line("out(type((select(2, pcall(error, %s%s)))))", g.pick("42", "'m'", "nil", "{}", "0.5"), g.pick("", ", 0", ", 1", ", 2"))
	case 4:
		g.line("out(try(math.%s, %s, %s))", g.pick("modf", "floor", "ceil", "abs", "sqrt", "fmod", "max", "min", "ldexp", "frexp", "deg", "rad", "pow"), g.pick(number(), "3.7", "-3.7", "math.huge", "-math.huge", "'3.5'"), g.pick("2", "'3'", "'011'", "4"))
		g.line("out(try(unpack, { [0] = 5, 6, 7 }, %s, %s)) out(try(table.concat, { [0] = 5, 6, 7 }, ',', %s, 2))", g.pick("0", "1", "'2'", "-1"), g.pick("2", "'1'", "3"), g.pick("0", "1", "2", "'1'"))
	case 5:
		g.line("out(try(string.char, %s, %s))", g.pick("65", "'66'", "67.9", "0", "255", "256", "-1", "'x'"), g.pick("65", "'066'"))
		g.line("out(try(string.%s, %s%s))", g.pick("sub", "len", "reverse", "sub", "byte", "rep"), g.pick(g.text(), "123", "nil", "{}", "true"), g.pick("", ", "+number(), ", "+number()+", "+number()))
	}
}

// operators writes arithmetic of strings and of objects with metamethods, and comparisons.
func (g *generator) operators() {
	t := g.name()
	g.line("local %s = setmetatable({}, { __add = function(a, b) return type(a) .. type(b) end, __mod = function(a, b) return 'mod', 2 end, __mul = function() end, __unm = function(a) return 'unm' end,"+
		" __le = function(a, b) return %s end, __eq = function() return %s end })", t, g.value(), g.value())
	sides := func() (string, string) {
		a, b := g.pick("'5'", "'x'", "5", g.value()), t
		if g.IntN(2) == 0 {
			return b, a
		}
		return a, b
	}
	for range 2 {
		a, b := sides()
		g.line("out(try(function() return %s %s %s end))", a, g.pick("+", "%", "*", "-", "<=", "==", "/"), b)
	}
	g.line("out(try(function() return %s %s %s end))", g.pick("'5'", "'010'", "' 7 '", "'x'", "nil"), g.pick("+", "-", "*", "/"), g.pick("2", "'3'", "{}"))
	g.line("out(try(function() local a, b, c = {}, {}, {} ; (%s).y = 1 end)) out(-%s)", g.pick("'x'", "'x'", "id('x')", "5"), t)
}
