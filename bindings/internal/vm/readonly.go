package vm

import (
	"context"

	lua "github.com/yuin/gopher-lua"
)

// ReadOnly is a table that scripts read and do not write. Lua's own functions see an empty table with a metatable; those
// that lua51 replaces see its content.
type ReadOnly interface {
	// Content returns the table that holds the values. Scripts never see it.
	Content() *lua.LTable
	// Complete makes the values that are only made when they are read first.
	Complete(ctx context.Context, L *lua.LState) error
	// WriteError returns the error of a function that would change the table.
	WriteError(L *lua.LState, function string) error
}

// readOnlyKey is where a metatable keeps its ReadOnly.
const readOnlyKey = "closed"

// SetReadOnly makes the tables of a metatable read-only ones.
func SetReadOnly(meta *lua.LTable, x ReadOnly) {
	meta.RawSetString(readOnlyKey, &lua.LUserData{Value: x})
}

// ReadOnlyIn returns the ReadOnly of a table, nil for any other value.
func ReadOnlyIn(v lua.LValue) ReadOnly {
	t, ok := v.(*lua.LTable)
	if !ok {
		return nil
	}
	meta, ok := t.Metatable.(*lua.LTable)
	if !ok {
		return nil
	}
	if ud, ok := meta.RawGetString(readOnlyKey).(*lua.LUserData); ok {
		x, _ := ud.Value.(ReadOnly)
		return x
	}
	return nil
}

// TableIn returns the table to read v by, if v is a table.
func TableIn(v lua.LValue) (*lua.LTable, bool) {
	if x := ReadOnlyIn(v); x != nil {
		return x.Content(), true
	}
	t, ok := v.(*lua.LTable)
	return t, ok
}
