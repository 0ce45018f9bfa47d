package lua51

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// generator writes programs that end, of what policies are made of: assignments, and/or, closures, pcall,
// patterns.
type generator struct {
	*rand.Rand
	out    strings.Builder
	locals []string
	depth  int
	fresh  int
	dots   bool // "..." may be used
}

func (g *generator) pick(all ...string) string { return all[g.IntN(len(all))] }

func (g *generator) pickInt(all ...int) int { return all[g.IntN(len(all))] }

func (g *generator) program() string {
	g.out.Reset()
	g.locals, g.depth, g.fresh, g.dots = nil, 0, 0, false
	for range 3 {
		g.declare()
	}
	for range 2 + g.IntN(6) {
		g.statement()
	}
	fmt.Fprintf(&g.out, "out(%s)\n", strings.Join(g.locals, ", "))
	return g.out.String()
}

func (g *generator) line(format string, a ...any) { fmt.Fprintf(&g.out, format+"\n", a...) }

func (g *generator) name() string {
	g.fresh++
	return fmt.Sprintf("v%d", g.fresh)
}

func (g *generator) declare() {
	n := 1 + g.IntN(3)
	var names, values []string
	for range n {
		names = append(names, g.name())
	}
	for range 1 + g.IntN(3) {
		values = append(values, g.expr())
	}
	g.line("local %s = %s", strings.Join(names, ", "), strings.Join(values, ", "))
	g.locals = append(g.locals, names...)
}

func (g *generator) local() string { return g.locals[g.IntN(len(g.locals))] }

// block writes statements whose locals end with it.
func (g *generator) block(n int) {
	kept := len(g.locals)
	g.depth++
	for range n {
		g.statement()
	}
	g.depth--
	g.locals = g.locals[:kept]
}

func (g *generator) statement() {
	if g.depth <= 2 && g.IntN(3) == 0 {
		g.wide()
		return
	}
	kinds := 17
	if g.depth > 2 {
		kinds = 6
	}
	switch g.IntN(kinds) {
	case 0:
		g.declare()
	case 1:
		g.assign(g.local())
	case 2: // several at once, often the same names on both sides
		a, b := g.local(), g.local()
		g.line("%s, %s = %s, %s", a, b, g.pick(b, g.expr()), g.pick(a, g.expr()))
	case 3:
		a := g.local()
		g.line("%s = %s %s %s", a, g.pick(a, g.local()), g.pick("and", "or"), g.expr())
	case 4:
		g.line("out(%s)", g.expr())
	case 5:
		t := g.name()
		g.line("local %s = { %s, %s, k = %s }", t, g.expr(), g.expr(), g.expr())
		a := g.local()
		g.line("%s[1], %s, %s.k = %s, %[1]s[2], %[4]s", t, a, t, g.pick(a, g.expr()))
		g.line("out(%s[1], %[1]s[2], %[1]s[3], %[1]s.k, #%[1]s > 0)", t)
	case 6:
		g.line("if %s then", g.pick(g.expr(), g.expr(), g.value(), "nil", "false", "true", "'x'"))
		g.block(1 + g.IntN(2))
		if g.IntN(2) == 0 {
			g.line("elseif %s then", g.expr())
			g.block(1)
		}
		g.line("else")
		g.block(1)
		g.line("end")
	case 7:
		i := g.name()
		g.line("for %s = %d, %d, %s do", i, g.IntN(4), g.IntN(6), g.pick("1", "2", "-1", "0.5"))
		g.locals = append(g.locals, i)
		g.block(1)
		if g.IntN(3) == 0 {
			g.line("if %s then break end", g.pick(g.expr(), "nil", "1", g.value()))
		}
		g.locals = g.locals[:len(g.locals)-1]
		g.line("end")
	case 8:
		k, v := g.name(), g.name()
		g.line("for %s, %s in ipairs({ %s, %s, %s }) do", k, v, g.value(), g.value(), g.value())
		g.locals = append(g.locals, k, v)
		g.block(1)
		g.locals = g.locals[:len(g.locals)-2]
		g.line("end")
	case 9: // a closure and what it shares
		f, a := g.name(), g.local()
		g.line("local function %s(x, ...) %s = %s; return %s, select('#', ...), ... end", f, a, g.pick("x", g.expr()), a)
		g.line("out(%s(%s, %s)); out((%s(%s)))", f, g.expr(), g.expr(), f, g.expr())
	case 10: // a caught error beside closures that live on
		f, a := g.name(), g.local()
		g.line("local function %s() return %s end", f, a)
		g.line("local ok%d, e%[1]d = pcall(function(x) %s = %s; %s; return x end, %s)", g.fresh, a, g.expr(),
			g.pick("error("+g.value()+", 0)", "local y = nil; y.z = 1", "do return "+g.expr()+" end", "error()", "assert(false, 'm')", "error({})"), g.expr())
		g.line("out(ok%d, type(e%[1]d) == 'userdata' and 'string' or type(e%[1]d)); %s = %s; out(%s(), %s)", g.fresh, a, g.expr(), f, a)
	case 11:
		n := g.name()
		g.line("local %s = 0; while %s < %d do %s = %s + 1", n, n, g.IntN(4), n, n)
		g.block(1)
		g.line("end out(%s)", n)
	case 12:
		n := g.name()
		g.line("local %s = 0; repeat %s = %s + 1; local stop = %s", n, n, n, g.expr())
		g.line("until stop or %s > 2 out(%s)", n, n)
	case 13:
		t := g.name()
		number := func() string { // not 0, for the same reason
			if n := g.number(); n != "0" {
				return n
			}
			return "4"
		}
		g.line("local %s = { %s, %s, %s }", t, number(), number(), number())
		g.line("table.sort(%s%s); out(%s); out(table.remove(%[1]s)); table.insert(%[1]s, %[4]d, %[5]s); out(%[3]s)", t,
			g.pick("", ", function(a, b) return a > b end"), "unpack("+t+")", 1+g.IntN(3), number())
		g.line("out(table.concat(%s, %s), #%[1]s)", t, g.pick("', '", "''", "1"))
	case 14:
		t := g.name()
		g.line("local %s = setmetatable({ n = %s }, { __index = function(t, k) return k .. '?' end, __add = function(a, b) return 'sum' end,"+
			" __call = function(self, ...) return select('#', ...), self.n end, __concat = function(a, b) return 'cat' end, __eq = function() return true end, __lt = function() return %s end, __unm = function() return 'neg' end })",
			t, g.expr(), g.pick("true", "false", "nil", "1"))
		g.line("out(%s.n, %[1]s.x, %[1]s + 1, 1 + %[1]s, %[1]s(%s, 2), %[1]s .. 'a', 'a' .. %[1]s, %[1]s < %[1]s, -%[1]s, rawget(%[1]s, 'x'))", t, g.expr())
	case 16: // calls inside calls
		k, v := g.name(), g.name()
		g.line("for %s, %s in %s do", k, v, g.pick(
			"(id("+g.text()+") .. "+g.text()+"):gmatch("+g.pattern()+")", "ipairs(id({ "+g.expr()+", "+g.value()+" }))", "id(ipairs({ id("+g.value()+", "+g.value()+") }))",
			"pairs({ id("+g.number()+") })", "id(next, { "+g.number()+" })"))
		g.locals = append(g.locals, k, v)
		g.block(1)
		g.locals = g.locals[:len(g.locals)-2]
		g.line("end")
	case 15: // a coroutine
		f := g.name()
		g.line("local %s = coroutine.wrap(function(a) local b = coroutine.yield(a, %s); %s = b; return b, 'end' end)", f, g.expr(), g.local())
		g.line("out(%s(%s)); out(%[1]s(%s)); out((pcall(%[1]s)))", f, g.expr(), g.expr())
	}
}

func (g *generator) number() string {
	return g.pick("0", "1", "2", "3", "-1", "10", "0.5", "7", "100", "010", "0x1f", "0010", "1e3", "-2.5", strconv.Itoa(g.IntN(50)))
}

func (g *generator) text() string {
	return g.pick(`""`, `"a"`, `"abc"`, `"10"`, `"0x10"`, `"1e2"`, `" 5 "`, `"010"`, `"a b c"`, `"key = value"`, `"[12.5] usb 1-1: new"`, `"=> "`, `"%d+"`, `"x.y.z"`, `"aaa"`, `"(a(b)c)"`, `"THE (quick) fox"`, `"a\0b"`, `"\200\255"`, `"-"`)
}

func (g *generator) pattern() string {
	if g.IntN(3) > 0 {
		return g.pick(`""`, `"a"`, `"a*"`, `"a-"`, `"a+"`, `"a?"`, `"."`, `".-"`, `".*"`, `"%d+"`, `"%w+"`, `"(%w+) = (%w+)"`, `"^a"`, `"a$"`, `"^$"`, `"[abc]"`, `"[^abc]"`, `"[a-c]+"`, `"[%w_]+"`, `"%b()"`, `"%f[%w]%w+"`,
			`"()"`, `"(a)(b)"`, `"((a)b)"`, `"(.)%1"`, `"%s*"`, `"%."`, `"[]]"`, `"[^]]"`, `"[a-]"`, `"%["`, `"%z"`, `"[%z\200]"`, `"%u+"`, `"%p"`, `"^(.-)%s*$"`, `"[%a-z]"`, `"(a*(.)%w(%s*))"`, `"%x%X"`)
	}
	var b strings.Builder
	for range 1 + g.IntN(5) {
		b.WriteString(g.pick("a", "b", ".", "%a", "%d", "%s", "%w", "%W", "[ab]", "[^a]", "(", ")", "%1", "%f[%a]", "%bab", "x", " ", "=", "[", "%", "^", "$"))
		b.WriteString(g.pick("", "", "", "*", "+", "-", "?"))
	}
	return `"` + b.String() + `"`
}

// value is an expression that never fails.
func (g *generator) value() string {
	switch g.IntN(6) {
	case 0, 1:
		return g.number()
	case 2:
		return g.text()
	case 3:
		return g.pick("true", "false", "nil")
	}
	if len(g.locals) == 0 {
		return g.number()
	}
	return g.local()
}

// expr is an expression, which may fail.
func (g *generator) expr() string {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > 5 {
		return g.value()
	}
	switch g.IntN(20) {
	case 18:
		return g.pick("id("+g.expr()+")", "(id("+g.expr()+", "+g.value()+"))", "id("+g.value()+", "+g.expr()+")", "(str(id("+g.expr()+")) .. id("+g.text()+"))")
	case 19:
		return "(" + g.pick("id("+g.text()+")", "("+g.text()+" .. id("+g.text()+"))") + g.pick("):upper()", "):sub(id(2, 3))", "):rep(id(2))", "):find(id("+g.text()+", 1, true))", "):byte(id(1, 2))")
	case 0, 1, 2:
		return g.value()
	case 3, 4:
		return "(" + g.expr() + g.pick(" and ", " or ") + g.expr() + ")"
	case 5:
		return "(not " + g.expr() + ")"
	case 6:
		return "(" + g.value() + g.pick(" == ", " ~= ") + g.value() + ")"
	case 7:
		return "(" + g.number() + g.pick(" < ", " <= ", " > ", " >= ") + g.number() + ")"
	case 8:
		if g.IntN(4) == 0 { // of fractions the remainder differs in the last digits, of -8 and 2 it is a constant -0
			return fmt.Sprintf("(%d %% %d)", 1+g.IntN(20)-21*g.IntN(2), g.pickInt(23, 29))
		}
		return "(" + g.pick(g.number(), g.value(), g.text()) + g.pick(" + ", " - ", " * ", " / ") + g.pick(g.number(), g.value()) + ")"
	case 9:
		return "(" + g.pick(g.text(), "str("+g.value()+")") + " .. " + g.pick(g.text(), strconv.Itoa(g.IntN(90))) + ")"
	case 10:
		return fmt.Sprintf("(%s):find(%s%s)", g.text(), g.pattern(), g.pick("", "", ", 2", ", -1", ", 1, true", ", 4", ", 99"))
	case 11:
		return fmt.Sprintf("(%s):match(%s%s)", g.text(), g.pattern(), g.pick("", "", ", 2", ", -2", ", 3"))
	case 12:
		return fmt.Sprintf("(%s):gsub(%s, %s%s)", g.text(), g.pattern(), g.pick(`"<%0>"`, `"%1"`, `""`, `"x"`, `"%%"`, `"%2"`, "string.upper", "function(a, b) return b end", "function() end", "{ a = 1, b = 'two', abc = false }"), g.pick("", "", ", 1", ", 0", ", 2"))
	case 13:
		return fmt.Sprintf("(function() local r = '' for a, b in (%s):gmatch(%s) do r = r .. tostring(a) .. '|' .. tostring(b) .. ';' end return r end)()", g.text(), g.pattern())
	case 14:
		if g.IntN(2) == 0 { // what does not fit an integer is undefined in C
			return fmt.Sprintf("string.format(%s, %s)", g.pick(`"%d"`, `"%5d|"`, `"%-5d|"`, `"%05d"`, `"%+d"`, `"%x"`, `"%#x"`, `"%X"`, `"%o"`, `"%i"`, `"%u"`, `"%.3d"`, `"%8.3d|"`, `"% d"`, `"%d %s"`), g.pick(g.number(), "1e15", "-7", "123456789", "1e-5", `"12"`))
		}
		return fmt.Sprintf("string.format(%s, %s)", g.pick(`"%5.1f"`, `"%g"`, `"%.3g"`, `"%e"`, `"%G"`, `"%.0f"`, `"%#.0f"`, `"%+.2e"`, `"%10.4f|"`, `"%.14g"`, `"%05.1f"`, `"% g"`), g.pick(g.number(), "1e15", "1e20", "-7", "123456789", "0.1", "1e-5", "65")+g.pick("", "", " / 3", " * 1e9", " + 0.05"))
	case 15:
		return fmt.Sprintf("string.format(%s, %s)", g.pick(`"%s"`, `"%5s|"`, `"%-5s|"`, `"%.2s"`, `"%q"`, `"%%%s"`, `"%10.3s|"`), g.pick(strings.ReplaceAll(g.text(), `\0`, ""), strconv.Itoa(g.IntN(99))))
	case 16:
		return g.pick(fmt.Sprintf("tonumber(%s)", g.pick(g.text(), g.number(), `"1e"`, `"0x"`, `"1 2"`, `".5"`, `"5."`, `"."`, `"-0x10"`, `"+5"`, `"1e+2"`, `"1_0"`, `"0b1"`, `"--1"`, `"5\0x"`, `"\0"`, "nil", "{}")),
			fmt.Sprintf("tonumber(%s, %s)", g.pick(`"10"`, `"ff"`, `"7"`, `"zz"`, `"12"`, "10", `" 11 "`, `"0x1F"`, `"1\0x"`), g.pick("2", "8", "10", "16", "36")))
	}
	s := g.text()
	return g.pick("#"+s, "("+s+"):upper()", "("+s+"):lower()", "("+s+"):rep("+strconv.Itoa(g.IntN(4))+")", "("+s+"):reverse()",
		fmt.Sprintf("(%s):sub(%d, %d)", s, g.IntN(7)-3, g.IntN(7)-3), fmt.Sprintf("(%s):sub(%d)", s, g.IntN(7)-3), fmt.Sprintf("(%s):byte(%s)", s, g.pick("", "1", "2", "-1", "1, -1", "2, 3", "0", "9")),
		"string.char(65, "+strconv.Itoa(g.IntN(256))+")", "math.floor("+g.number()+")", "math.max("+g.number()+", "+g.number()+")", "math.min(1, "+g.number()+")", "- "+g.number(), "- "+s, "select('#', nil, nil)", "select(2, 1, 2, 3)", "select(-1, 1, 2)",
		"math.huge", "math.fmod("+g.number()+", 3)", "type("+g.value()+")", "tostring("+strconv.Itoa(g.IntN(999))+")", "next({})", "rawequal("+g.value()+", "+g.value()+")", "unpack({ 1, "+g.value()+", 3 })", "2 ^ "+g.number())
}
