package bindings

import (
	"cmp"
	"context"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/suggest"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
)

// closed is a value of flashlua's that scripts look at and do not change: the one mechanism of objects, modules, errors
// and records. It refuses names that it does not know, and all writes but those that put takes.
type closed struct {
	kind   string   // for people: "session"
	known  []string // the names that it may have, present or not
	absent string   // why a known name may not be there; "": it is nil then
	self   string   // for people, in "an error has no name"; "" is "it"
	list   bool     // it has numbers for names
	hint   string   // what else to do than to write

	data *lua.LTable                                                          // what it has; no script sees this table
	get  func(c *args, self lua.LValue, key string) (lua.LValue, bool, error) // finds what data has not; may be nil
	put  func(c *args, key string, v lua.LValue) bool                         // takes a write, or does not; nil takes none
}

// closedMeta returns the metatable of x.
func (h *host) closedMeta(x *closed) *lua.LTable {
	if x.data == nil {
		x.data = h.L.NewTable()
	}
	meta := h.L.NewTable()
	meta.RawSetString("__index", h.function(x.kind, 0, x.index))
	meta.RawSetString("__newindex", h.function(x.kind, 0, x.newIndex))
	meta.RawSetString("__tostring", h.function(x.kind, 0, func(*args) ([]lua.LValue, error) { return vm.Ret(lua.LString(x.kind)) }))
	if x.list {
		meta.RawSetString("__len", h.function(x.kind, 0, func(*args) ([]lua.LValue, error) { return vm.Ret(lua.LNumber(x.data.Len())) }))
	}
	meta.RawSetString("__metatable", lua.LString(x.kind))
	vm.SetReadOnly(meta, x)
	return meta
}

// record returns a table that is closed.
func (h *host) record(x *closed) *lua.LTable {
	t := h.L.NewTable()
	t.Metatable = h.closedMeta(x)
	return t
}

func (x *closed) index(c *args) ([]lua.LValue, error) {
	key := c.opt(2)
	if v := x.data.RawGet(key); v != lua.LNil {
		return []lua.LValue{v}, nil
	}
	name, named := key.(lua.LString)
	if named && x.get != nil {
		if v, ok, err := x.get(c, c.opt(1), string(name)); ok || err != nil {
			return []lua.LValue{v}, err
		}
	}
	if named && x.absent != "" && slices.Contains(x.known, string(name)) {
		c.fail("it has no %s yet: %s", key, x.absent)
	}
	if _, number := key.(lua.LNumber); number && x.list || named && slices.Contains(x.known, string(name)) {
		return []lua.LValue{lua.LNil}, nil
	}
	c.fail("%s has no %s%s", cmp.Or(x.self, "it"), key, x.suggest(key.String()))
	return nil, nil
}

func (x *closed) newIndex(c *args) ([]lua.LValue, error) {
	key := c.opt(2)
	if name, ok := key.(lua.LString); ok && x.put != nil && x.put(c, string(name), c.opt(3)) {
		return nil, nil
	}
	vm.Refuse(x.readOnly(c.L, c.name, key.String()))
	return nil, nil
}

// suggest names the known word that may have been meant, or all of them.
func (x *closed) suggest(key string) string {
	if len(x.known) == 0 {
		return ""
	}
	return suggest.Name(key, x.known)
}

// readOnly is the error of a write.
func (x *closed) readOnly(L *lua.LState, does, key string) error {
	near := ""
	if !slices.Contains(x.known, key) {
		near = suggest.Nearest(key, x.known)
	}
	err := classify.New(classify.ScriptArgument, "%s %s: %s cannot be set: scripts only read it%s", strings.TrimSpace(L.Where(1)), does, key, near)
	if x.hint == "" {
		return err
	}
	return classify.WithHint(err, "%s", x.hint)
}

// Content, Complete and WriteError are vm.ReadOnly's.

func (x *closed) Content() *lua.LTable { return x.data }

func (x *closed) Complete(ctx context.Context, L *lua.LState) error {
	for _, key := range x.known {
		if x.get == nil || x.data.RawGetString(key) != lua.LNil {
			continue
		}
		c := &args{&vm.Args{L: L, Ctx: ctx, Name: x.kind}, ctx, x.kind}
		if _, _, err := x.get(c, lua.LNil, key); err != nil {
			return err
		}
	}
	return nil
}

func (x *closed) WriteError(L *lua.LState, function string) error {
	return x.readOnly(L, function, "the "+x.kind)
}
