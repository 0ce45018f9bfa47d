package vm

import (
	"context"
	"fmt"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
)

// Args are the arguments of one call of a function of ours. A getter that finds a value of another type refuses
// the call with an error that names the function, the line and the argument.
type Args struct {
	State *State
	L     *lua.LState // the thread that calls
	Ctx   context.Context
	Name  string // of the function, for messages
	Skip  int    // 1 in a method, whose first argument is the object
}

// refusal is what a getter panics with.
type refusal struct{ err error }

// Refuse ends the call of a function of ours with an error. Function and CatchRefusal turn the panic into that
// error.
func Refuse(err error) { panic(refusal{err}) }

// CatchRefusal is for a defer: it sets err to what Refuse was called with.
func CatchRefusal(err *error) {
	switch v := recover().(type) {
	case nil:
	case refusal:
		*err = v.err
	default:
		panic(v)
	}
}

// Fail refuses the call with a message about its arguments.
func (c *Args) Fail(format string, a ...any) {
	where := strings.TrimSpace(c.L.Where(1))
	Refuse(classify.New(classify.ScriptArgument, "%s %s: %s", where, c.Name, fmt.Sprintf(format, a...)))
}

// Watchdog returns the count of the call. Outside of a call it returns one that counts nothing.
func (c *Args) Watchdog() *Watchdog {
	if counts, ok := c.L.Context().(*counted); ok {
		return counts.watchdog
	}
	return &Watchdog{ended: true}
}

// Opt returns argument i, nil if it is missing.
func (c *Args) Opt(i int) lua.LValue { return c.L.Get(i + c.Skip) }

// None reports whether argument i is missing or nil.
func (c *Args) None(i int) bool { return c.Opt(i) == lua.LNil }

// Any returns argument i, which must be given; it may be nil.
func (c *Args) Any(i int, what string) lua.LValue {
	if c.L.GetTop() < i+c.Skip {
		c.Fail("argument %d, the %s, is missing", i, what)
	}
	return c.Opt(i)
}

// Rest returns the arguments from i on.
func (c *Args) Rest(i int) []lua.LValue {
	var all []lua.LValue
	for ; i+c.Skip <= c.L.GetTop(); i++ {
		all = append(all, c.Opt(i))
	}
	return all
}

// Str returns argument i, a string.
func (c *Args) Str(i int, what string) string {
	s, ok := c.Any(i, what).(lua.LString)
	if !ok {
		c.Fail("argument %d, the %s, must be a string, not a %s", i, what, c.Opt(i).Type())
	}
	return string(s)
}

// StrOr returns argument i, a string; a missing one is otherwise.
func (c *Args) StrOr(i int, what, otherwise string) string {
	if c.None(i) {
		return otherwise
	}
	return c.Str(i, what)
}

// Int returns argument i, a whole number; a missing one is otherwise.
func (c *Args) Int(i int, what string, otherwise int) int {
	if c.None(i) {
		return otherwise
	}
	n, ok := c.Opt(i).(lua.LNumber)
	if !ok || float64(n) != math.Trunc(float64(n)) {
		c.Fail("argument %d, the %s, must be a whole number", i, what)
	}
	return int(n)
}

// Func returns argument i, a function.
func (c *Args) Func(i int, what string) *lua.LFunction {
	f, ok := c.Any(i, what).(*lua.LFunction)
	if !ok {
		c.Fail("argument %d, the %s, must be a function, not a %s", i, what, c.Opt(i).Type())
	}
	return f
}

// Table returns argument i, a table to read. Of a read-only table it returns the content.
func (c *Args) Table(i int, what string) *lua.LTable {
	t, ok := TableIn(c.Any(i, what))
	if !ok {
		c.Fail("argument %d, the %s, must be a table, not a %s", i, what, c.Opt(i).Type())
	}
	return t
}

// TypeWithArticle returns the type of a value for messages: "a table", and "nothing" for nil.
func TypeWithArticle(v lua.LValue) string {
	if v == lua.LNil {
		return "nothing"
	}
	return "a " + v.Type().String()
}
