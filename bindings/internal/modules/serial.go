package modules

import (
	"slices"
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
	register("serial", func(c Config) map[string]vm.Builtin { return serialModule{c.Phase, c.Allow, c.Reader}.functions() })
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
	Timeout time.Duration `lua:"timeout"`
	Stall   time.Duration `lua:"stall"`
}

var (
	consoleDrainOptions  = option.Declare[drainOptions](1, "console:drain")
	consoleExpectOptions = option.Declare[expectOptions](2, "console:expect")
)

// newConsole makes the object of a console.
func newConsole(s *vm.State, con *console.Console) lua.LValue {
	v := newObject(s, "console", map[string]vm.Builtin{
		"send":   func(c *vm.Args) ([]lua.LValue, error) { return nil, con.Send(c.Ctx, c.Str(1, "text")) },
		"line":   func(c *vm.Args) ([]lua.LValue, error) { return nil, con.Send(c.Ctx, c.Str(1, "text")+"\n") },
		"secret": func(c *vm.Args) ([]lua.LValue, error) { return nil, con.SendSecret(c.Ctx, c.Str(1, "text")+"\n") },
		"expect": func(c *vm.Args) ([]lua.LValue, error) { return expect(c, con) },
		"tail":   func(*vm.Args) ([]lua.LValue, error) { return vm.Ret(lua.LString(con.Tail())) },
		"drain": func(c *vm.Args) ([]lua.LValue, error) {
			var o drainOptions
			luaoption.Read(c, consoleDrainOptions, &o)
			return nil, con.Drain(c.Ctx, o.Quiet, o.Timeout)
		},
		"close": func(c *vm.Args) ([]lua.LValue, error) {
			con.EndEpoch(c.Ctx, "its console was closed")
			return nil, con.Close()
		},
	}, nil)
	v.Value = con
	return v
}

// expect is con:expect(text or list of texts, [options]). It returns the text that came and its index in the list.
func expect(c *vm.Args, con *console.Console) ([]lua.LValue, error) {
	var w console.Wait
	switch v := c.Any(1, "text").(type) {
	case lua.LString:
		w.For = append(w.For, console.Text(string(v)))
	case *lua.LTable:
		list, _ := vm.TableIn(v)
		list.ForEach(func(_, x lua.LValue) {
			s, ok := x.(lua.LString)
			if !ok {
				c.Fail("argument 1 must be a text, or a list of texts")
			}
			w.For = append(w.For, console.Text(string(s)))
		})
	}
	if len(w.For) == 0 || slices.Contains(w.For, console.Text("")) {
		c.Fail("argument 1 must be a text, or a list of texts, that are not empty")
	}
	o := expectOptions{Timeout: expectTimeout}
	luaoption.Read(c, consoleExpectOptions, &o)
	w.Timeout, w.Stall = o.Timeout, o.Stall
	w.Abort = []console.Abort{console.Panic, console.Off}
	m, err := con.Expect(c.Ctx, w)
	if err != nil {
		return nil, err
	}
	return []lua.LValue{lua.LString(m.Text), lua.LNumber(m.Index + 1)}, nil
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
