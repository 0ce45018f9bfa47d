package bindings

import (
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/engine/console"
)

// expectTimeout is the default timeout of expect.
const expectTimeout = time.Minute

func init() {
	register("serial", (*host).serialModule)
	declareSection(2, "serial.open", func(d *decoder, s *section) { d.console(s) })
}

func (h *host) serialModule() map[string]builtin { return map[string]builtin{"open": h.openSerial} }

// openSerial is serial.open(port, { … }), with the keys of a policy's console.
func (h *host) openSerial(c *args) ([]lua.LValue, error) {
	p, err := h.requireProgram(c)
	if err != nil {
		return nil, err
	}
	spec := c.str(1, "port")
	s := h.section(c, 2, "console")
	settings := s.decoder.console(s)
	if err := h.checkExecAllowed(spec); err != nil {
		return nil, err
	}
	con, err := p.Open(c.ctx, spec, settings)
	if err != nil {
		return nil, err
	}
	return ret(h.newConsole(con))
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
func (h *host) newConsole(con *console.Console) lua.LValue {
	v := h.object("console", map[string]builtin{
		"send":   func(c *args) ([]lua.LValue, error) { return nil, con.Send(c.ctx, c.str(1, "text")) },
		"line":   func(c *args) ([]lua.LValue, error) { return nil, con.Send(c.ctx, c.str(1, "text")+"\n") },
		"secret": func(c *args) ([]lua.LValue, error) { return nil, con.SendSecret(c.ctx, c.str(1, "text")+"\n") },
		"expect": func(c *args) ([]lua.LValue, error) { return expect(c, con) },
		"tail":   func(*args) ([]lua.LValue, error) { return ret(lua.LString(con.Tail())) },
		"drain": func(c *args) ([]lua.LValue, error) {
			var o drainOptions
			readOptions(c, consoleDrainOptions, &o)
			return nil, con.Drain(c.ctx, o.Quiet, o.Timeout)
		},
		"close": func(c *args) ([]lua.LValue, error) {
			con.EndEpoch(c.ctx, "its console was closed")
			return nil, con.Close()
		},
	}, nil)
	v.Value = con
	return v
}

// expect is con:expect(text or list of texts, { timeout, stall }). It gives the text that came and its place in the list.
func expect(c *args, con *console.Console) ([]lua.LValue, error) {
	var w console.Wait
	switch v := c.any(1, "text").(type) {
	case lua.LString:
		w.For = append(w.For, console.Text(string(v)))
	case *lua.LTable:
		list, _ := tableIn(v)
		list.ForEach(func(_, x lua.LValue) {
			s, ok := x.(lua.LString)
			if !ok {
				c.fail("argument 1 must be a text, or a list of texts")
			}
			w.For = append(w.For, console.Text(string(s)))
		})
	}
	if len(w.For) == 0 || slices.Contains(w.For, console.Text("")) {
		c.fail("argument 1 must be a text, or a list of texts, that are not empty")
	}
	o := expectOptions{Timeout: expectTimeout}
	readOptions(c, consoleExpectOptions, &o)
	w.Timeout, w.Stall = o.Timeout, o.Stall
	w.Abort = []console.Abort{console.Panic, console.Off}
	m, err := con.Expect(c.ctx, w)
	if err != nil {
		return nil, err
	}
	return []lua.LValue{lua.LString(m.Text), lua.LNumber(m.Index + 1)}, nil
}

// consoleArg is a console that serial.open gave.
func (c *args) consoleArg(i int) *console.Console {
	if ud, ok := c.any(i, "console").(*lua.LUserData); ok {
		if con, ok := ud.Value.(*console.Console); ok {
			return con
		}
	}
	c.fail("argument %d must be a console, as serial.open gives it", i)
	return nil
}
