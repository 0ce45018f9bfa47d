package bindings

import (
	"context"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine/console"
)

// builtin is a function of ours as Lua sees it. An error is raised as an error object.
type builtin func(c *args) ([]lua.LValue, error)

// args are the arguments of one call.
type args struct {
	*vm.Args
	ctx  context.Context
	name string // of the function, for messages
}

// function makes a builtin callable from Lua.
func (h *host) function(name string, skip int, f builtin) *lua.LFunction {
	return h.Function(name, skip, func(c *vm.Args) ([]lua.LValue, error) { return f(&args{c, c.Ctx, c.Name}) })
}

// engineCall makes a builtin that calls the engine. The count of the script's steps begins anew with it.
func (h *host) engineCall(name string, skip int, f builtin) *lua.LFunction {
	return h.function(name, skip, func(c *args) ([]lua.LValue, error) {
		h.Watchdog.Renew()
		defer h.Watchdog.Renew()
		c.ctx = console.WithCaller(c.ctx, h.Line(c.L))
		return f(c)
	})
}

// ret returns one result.
func ret(v lua.LValue) ([]lua.LValue, error) { return vm.Ret(v) }

// tableIn returns the table to read v by, if v is a table.
func tableIn(v lua.LValue) (*lua.LTable, bool) { return vm.TableIn(v) }

func (c *args) fail(format string, a ...any)      { c.Fail(format, a...) }
func (c *args) opt(i int) lua.LValue              { return c.Opt(i) }
func (c *args) any(i int, what string) lua.LValue { return c.Any(i, what) }
func (c *args) rest(i int) []lua.LValue           { return c.Rest(i) }
func (c *args) none(i int) bool                   { return c.None(i) }
func (c *args) str(i int, what string) string     { return c.Str(i, what) }

func (c *args) strDefault(i int, what, otherwise string) string {
	if c.none(i) {
		return otherwise
	}
	return c.str(i, what)
}

func (c *args) intDefault(i int, what string, otherwise int) int { return c.Int(i, what, otherwise) }

func (c *args) function(i int, what string) *lua.LFunction {
	f, ok := c.any(i, what).(*lua.LFunction)
	if !ok {
		c.fail("argument %d, the %s, must be a function, not a %s", i, what, c.opt(i).Type())
	}
	return f
}

// duration reads a duration with its unit, "1m30s".
func duration(v lua.LValue) (time.Duration, error) {
	d, err := option.Duration.Parse(goOption(v))
	if err != nil {
		return 0, err
	}
	return d.(time.Duration), nil
}
