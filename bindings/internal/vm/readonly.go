package vm

import (
	"cmp"
	"context"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
)

// ReadOnly is a value that scripts read and do not change: an object, a module, an error or a record of flashlua.
// Reading a name that it does not have is an error, and so is every write that Put does not take. gopher-lua's own
// functions see an empty table; those of package lua51 see Values.
type ReadOnly struct {
	Kind   string      // in messages: "session"
	Names  []string    // the names that it may have, with a value or without one
	Values *lua.LTable // no script sees this table; nil is an empty one

	Absent string // why a name in Names may have no value; "": it is nil then
	Self   string // in "an error has no name"; "" is "it"
	List   bool   // it has numbers for names
	Hint   string // what to do instead of writing

	Get func(c *Args, self lua.LValue, key string) (lua.LValue, bool, error) // returns what Values lacks; may be nil
	Put func(c *Args, key string, v lua.LValue) bool                         // takes a write or returns false; may be nil

	state *State
}

// readOnlyKey is where a metatable keeps its ReadOnly.
const readOnlyKey = "closed"

// Metatable returns the metatable of x.
func (s *State) Metatable(x *ReadOnly) *lua.LTable {
	x.state = s
	if x.Values == nil {
		x.Values = s.L.NewTable()
	}
	meta := s.L.NewTable()
	meta.RawSetString("__index", s.Function(x.Kind, 0, x.index))
	meta.RawSetString("__newindex", s.Function(x.Kind, 0, x.newIndex))
	meta.RawSetString("__tostring", s.Function(x.Kind, 0, func(*Args) ([]lua.LValue, error) { return Ret(lua.LString(x.Kind)) }))
	if x.List {
		meta.RawSetString("__len", s.Function(x.Kind, 0, func(*Args) ([]lua.LValue, error) { return Ret(lua.LNumber(x.Values.Len())) }))
	}
	meta.RawSetString("__metatable", lua.LString(x.Kind))
	meta.RawSetString(readOnlyKey, &lua.LUserData{Value: x})
	return meta
}

// Record returns a table that is x.
func (s *State) Record(x *ReadOnly) *lua.LTable {
	t := s.L.NewTable()
	t.Metatable = s.Metatable(x)
	return t
}

// ReadOnlyIn returns the ReadOnly of a table, nil for any other value.
func ReadOnlyIn(v lua.LValue) *ReadOnly {
	t, ok := v.(*lua.LTable)
	if !ok {
		return nil
	}
	meta, ok := t.Metatable.(*lua.LTable)
	if !ok {
		return nil
	}
	if ud, ok := meta.RawGetString(readOnlyKey).(*lua.LUserData); ok {
		x, _ := ud.Value.(*ReadOnly)
		return x
	}
	return nil
}

// TableIn returns the table to read v by, if v is a table.
func TableIn(v lua.LValue) (*lua.LTable, bool) {
	if x := ReadOnlyIn(v); x != nil {
		return x.Values, true
	}
	t, ok := v.(*lua.LTable)
	return t, ok
}

func (x *ReadOnly) index(c *Args) ([]lua.LValue, error) {
	key := c.Opt(2)
	if v := x.Values.RawGet(key); v != lua.LNil {
		return []lua.LValue{v}, nil
	}
	name, named := key.(lua.LString)
	if named && x.Get != nil {
		if v, ok, err := x.Get(c, c.Opt(1), string(name)); ok || err != nil {
			return []lua.LValue{v}, err
		}
	}
	known := named && slices.Contains(x.Names, string(name))
	if known && x.Absent != "" {
		c.Fail("it has no %s yet: %s", key, x.Absent)
	}
	if _, number := key.(lua.LNumber); number && x.List || known {
		return []lua.LValue{lua.LNil}, nil
	}
	near := ""
	if len(x.Names) > 0 {
		near = suggest.Name(key.String(), x.Names)
	}
	c.Fail("%s has no %s%s", cmp.Or(x.Self, "it"), key, near)
	return nil, nil
}

func (x *ReadOnly) newIndex(c *Args) ([]lua.LValue, error) {
	key := c.Opt(2)
	if name, ok := key.(lua.LString); ok && x.Put != nil && x.Put(c, string(name), c.Opt(3)) {
		return nil, nil
	}
	return nil, x.writeError(c.L, c.Name, key.String())
}

// WriteError returns the error of a function that would change the table.
func (x *ReadOnly) WriteError(L *lua.LState, function string) error {
	return x.writeError(L, function, "the "+x.Kind)
}

func (x *ReadOnly) writeError(L *lua.LState, does, what string) error {
	near := ""
	if !slices.Contains(x.Names, what) {
		near = suggest.Nearest(what, x.Names)
	}
	err := classify.New(classify.ScriptArgument, "%s %s: %s cannot be set: scripts only read it%s", strings.TrimSpace(L.Where(1)), does, what, near)
	if x.Hint == "" {
		return err
	}
	return classify.WithHint(err, "%s", x.Hint)
}

// Complete makes the values that are only made when they are read first.
func (x *ReadOnly) Complete(ctx context.Context, L *lua.LState) error {
	for _, key := range x.Names {
		if x.Get == nil || x.Values.RawGetString(key) != lua.LNil {
			continue
		}
		c := &Args{State: x.state, L: L, Ctx: ctx, Name: x.Kind}
		if _, _, err := x.Get(c, lua.LNil, key); err != nil {
			return err
		}
	}
	return nil
}
