package bindings

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/engine"
)

// size reads a number of bytes, or a text as "8G"; a missing one is 0, which no text or number may be.
func (o *options) size(name string) int64 {
	var n int64
	ok := false
	switch v := o.get(name).(type) {
	case *lua.LNilType:
		return 0
	case lua.LNumber:
		n, ok = int64(v), float64(v) == math.Trunc(float64(v)) && float64(v) < 1<<53
	case lua.LString:
		n, ok = engine.ParseSize(string(v))
	}
	if !ok || n <= 0 {
		o.c.fail(`option %s must be a number of bytes from 1 up, or a text with K, M, G or T after a number, "8G"`, name)
	}
	return n
}
