package modules

import (
	"fmt"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
)

// Librarian returns the second argument of the modules that come with flashlua, and of no others: functions that
// make closed tables, and check options.
func Librarian(s *vm.State) *lua.LTable {
	t := s.L.NewTable()
	t.RawSetString("closed", s.Function("closed", 0, makeClosed))
	t.RawSetString("wrong_option", s.Function("wrong_option", 0, wrongOption))
	t.RawSetString("fail", s.Function("fail", 0, failCaller))
	t.RawSetString("record", s.Function("record", 0, makeRecord))
	return t
}

// wrongOption is wrong_option(function, name, value), for the modules that come with flashlua. It returns what
// is wrong with an option of a declared function, nil if nothing is. A nil value is right.
func wrongOption(c *vm.Args) ([]lua.LValue, error) {
	function, name := c.Str(1, "function"), c.Opt(2).String()
	f, ok := option.Of(function)
	if !ok {
		c.Fail("%s takes no options", function)
	}
	o, ok := f.Option(name)
	if !ok {
		return vm.Ret(lua.LString(fmt.Sprintf("unknown option %s%s", name, suggest.Name(name, f.Names()))))
	}
	if c.None(3) {
		return vm.Ret(lua.LNil)
	}
	if _, err := luaoption.Value(o.Kind, c.Opt(3)); err != nil {
		return vm.Ret(lua.LString(fmt.Sprintf("option %s %v", name, err)))
	}
	return vm.Ret(lua.LNil)
}

// failCaller is fail(message, level). It raises an error of kind script.argument with the position of a
// level, as Lua's error does: 2 is the caller of the module's function.
func failCaller(c *vm.Args) ([]lua.LValue, error) {
	at := strings.TrimSpace(c.L.Where(c.Int(2, "level", 1)))
	return nil, classify.New(classify.ScriptArgument, "%s", strings.TrimSpace(at+" "+c.Str(1, "message")))
}

// makeClosed is closed(kind, table). It returns a read-only view of the table.
func makeClosed(c *vm.Args) ([]lua.LValue, error) {
	x := &vm.ReadOnly{Kind: c.Str(1, "kind"), Values: c.Table(2, "table")}
	x.Values.ForEach(func(k, _ lua.LValue) { x.Names = append(x.Names, k.String()) })
	return vm.Ret(c.State.Record(x))
}

// makeRecord is record(kind, names, hint). It returns a table in which only these names can be set.
func makeRecord(c *vm.Args) ([]lua.LValue, error) {
	x := &vm.ReadOnly{Kind: c.Str(1, "kind"), Values: c.State.L.NewTable()}
	x.Absent, x.Hint = c.Str(3, "hint"), "what else functions share can be a local of the script"
	c.Table(2, "names").ForEach(func(_, name lua.LValue) { x.Names = append(x.Names, name.String()) })
	x.Put = func(_ *vm.Args, key string, v lua.LValue) bool {
		if !slices.Contains(x.Names, key) {
			return false
		}
		x.Values.RawSetString(key, v)
		return true
	}
	return vm.Ret(c.State.Record(x))
}
