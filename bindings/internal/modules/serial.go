package modules

import (
	"context"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/policy"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine/console"
)

// expectTimeout is the default timeout of expect.
const expectTimeout = time.Minute

func init() {
	register("serial", func(c Config) map[string]vm.Builtin { return serialModule{c.Phase, c.Allow, c.Reader}.functions() }, "open")
}

var serialOpenOptions = policy.DeclareConsole(2, "serial.open")

// serialModule is the Lua module serial.
type serialModule struct {
	phase  *Phase
	allow  grants
	reader policy.Reader
}

func (m serialModule) functions() map[string]vm.Builtin {
	return map[string]vm.Builtin{"open": m.openSerial}
}

// openSerial is serial.open(port, [options]); the options are the keys of a policy's console.
func (m serialModule) openSerial(c *vm.Args) ([]lua.LValue, error) {
	p, err := m.phase.requireProgram(c)
	if err != nil {
		return nil, err
	}
	spec := c.Str(1, "port")
	settings := serialOpenOptions.Read(m.reader, c)
	if err := m.allow.checkExec(spec); err != nil {
		return nil, err
	}
	con, err := p.Open(c.Ctx, spec, settings)
	if err != nil {
		return nil, err
	}
	return vm.Ret(newConsole(c.State, con))
}

type drainOptions struct {
	Quiet   time.Duration `lua:"quiet,required"`
	Timeout time.Duration `lua:"timeout,required"`
}

type expectOptions struct {
	Regexp  bool          `lua:"regexp"` // the texts are regular expressions
	Timeout time.Duration `lua:"timeout"`
	Stall   time.Duration `lua:"stall"`
}

var (
	consoleDrainOptions  = option.Declare[drainOptions](1, "console:drain")
	consoleExpectOptions = option.Declare[expectOptions](2, "console:expect")
)

// newConsole makes the object of a program's console.
func newConsole(s *vm.State, con *console.Console) lua.LValue {
	methods := consoleMethods(func(context.Context) (*console.Console, error) { return con, nil }, func(context.Context) error { return nil })
	methods["close"] = func(c *vm.Args) ([]lua.LValue, error) {
		con.EndEpoch(c.Ctx, "its console was closed")
		return nil, con.Close()
	}
	v := newObject(s, "console", methods, nil)
	v.Value = con
	return v
}

// consoleMethods returns the methods of a console in policies and programs. get returns the console, touch is called
// before something is typed, and its error refuses it.
func consoleMethods(get func(context.Context) (*console.Console, error), touch func(context.Context) error) map[string]vm.Builtin {
	on := func(do func(*vm.Args, *console.Console) ([]lua.LValue, error)) vm.Builtin {
		return func(c *vm.Args) ([]lua.LValue, error) {
			con, err := get(c.Ctx)
			if err != nil {
				return nil, err
			}
			return do(c, con)
		}
	}
	typing := func(do func(*vm.Args, *console.Console) error) vm.Builtin {
		return on(func(c *vm.Args, con *console.Console) ([]lua.LValue, error) {
			if err := touch(c.Ctx); err != nil {
				return nil, err
			}
			return nil, do(c, con)
		})
	}
	return map[string]vm.Builtin{
		"send":   typing(func(c *vm.Args, con *console.Console) error { return con.Send(c.Ctx, c.Str(1, "text")) }),
		"line":   typing(func(c *vm.Args, con *console.Console) error { return con.Send(c.Ctx, c.Str(1, "text")+"\n") }),
		"secret": typing(func(c *vm.Args, con *console.Console) error { return con.SendSecret(c.Ctx, c.Str(1, "text")+"\n") }),
		"expect": on(expect),
		"tail": on(func(_ *vm.Args, con *console.Console) ([]lua.LValue, error) {
			return vm.Ret(lua.LString(con.Tail()))
		}),
		"drain": on(func(c *vm.Args, con *console.Console) ([]lua.LValue, error) {
			var o drainOptions
			luaoption.Read(c, consoleDrainOptions, &o)
			return nil, con.Drain(c.Ctx, o.Quiet, o.Timeout)
		}),
	}
}

// expect is con:expect(text or list of texts, [options]). It returns the text that came, its index in the list, and
// what came before it; with the option regexp also the list of what the groups of the expression matched.
func expect(c *vm.Args, con *console.Console) ([]lua.LValue, error) {
	o := expectOptions{Timeout: expectTimeout}
	luaoption.Read(c, consoleExpectOptions, &o)
	w := console.Wait{For: patterns(c, o.Regexp), Timeout: o.Timeout, Stall: o.Stall, Abort: []console.Abort{console.Panic, console.Off}, Before: true}
	m, err := con.Expect(c.Ctx, w)
	if err != nil {
		return nil, err
	}
	results := []lua.LValue{lua.LString(m.Text), lua.LNumber(m.Index + 1), lua.LString(m.Before)}
	if !o.Regexp {
		return results, nil
	}
	groups := c.State.L.NewTable()
	for _, g := range m.Groups {
		groups.Append(lua.LString(g))
	}
	return append(results, groups), nil
}

// patterns reads the first argument of expect: a text, or a list of texts.
func patterns(c *vm.Args, isRegexp bool) (all []console.Pattern) {
	add := func(v lua.LValue) {
		text, ok := v.(lua.LString)
		switch {
		case !ok:
			c.Fail("argument 1 must be a text, or a list of texts")
		case text == "":
			c.Fail("argument 1 must be a text, or a list of texts, that are not empty")
		case !isRegexp:
			all = append(all, console.Text(string(text)))
		default:
			p, err := console.ParseRegexp(string(text))
			if err != nil {
				c.Fail("argument 1: %v", err)
			}
			all = append(all, p)
		}
	}
	v := c.Any(1, "text")
	if list, isList := vm.TableIn(v); isList {
		list.ForEach(func(_, x lua.LValue) { add(x) })
	} else {
		add(v)
	}
	if len(all) == 0 {
		c.Fail("argument 1 must be a text, or a list of texts, that are not empty")
	}
	return all
}

// consoleArg reads an argument that serial.open returned.
func consoleArg(c *vm.Args, i int) *console.Console {
	if ud, ok := c.Any(i, "console").(*lua.LUserData); ok {
		if con, ok := ud.Value.(*console.Console); ok {
			return con
		}
	}
	c.Fail("argument %d must be a console, as serial.open returns it", i)
	return nil
}
