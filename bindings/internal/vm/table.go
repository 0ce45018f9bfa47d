package vm

import (
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// NextFrom returns the key that t.Next must be called with to continue after key, and reports whether a traversal
// can continue there. gopher-lua's Next starts at the second name after a key that the table does not have, and
// after one that its list has lost since.
func NextFrom(t *lua.LTable, key lua.LValue) (lua.LValue, bool) {
	if key == lua.LNil {
		return key, true
	}
	list := len(tableArray.of(t))
	n, isNumber := key.(lua.LNumber)
	if isNumber && n >= 1 && n <= lua.LNumber(list) && n == lua.LNumber(int(n)) {
		return key, true
	}
	if _, ok := tablePlaces.of(t)[key]; ok {
		return key, true
	}
	switch {
	case !isNumber || n < 1 || n != lua.LNumber(int(n)):
		return key, false
	case list == 0:
		return lua.LNil, true
	}
	return lua.LNumber(list), true
}

// TrimList removes the empty places at the end of a table's list part, which gopher-lua's own functions take for
// values, and returns the length of the list.
func TrimList(t *lua.LTable) int {
	list := tableArray.of(t)
	n := len(list) - emptyTail(t)
	*tableArray.at(t) = slices.Delete(list, n, len(list))
	return n
}

// GapCost returns the cost of the places that a table gets when a value is set after the end of its list part.
func GapCost(t *lua.LTable, key lua.LValue) int { return stepsPerGap * gap(t, key) }
