package vm

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

var frameParent = field(threadFrame.Type.Elem(), "Parent", threadFrame.Type)

// MayYield reports whether the coroutine th can yield: whether every function that runs in it was called by a call
// in Lua, and none by an operator, a `for` or a function of ours. Of another call, gopher-lua would resume the
// coroutine in the wrong place.
func MayYield(th *lua.LState) bool {
	if th.Parent == nil {
		return false
	}
	frame := at[unsafe.Pointer](unsafe.Pointer(th), threadFrame)
	for {
		frame = at[unsafe.Pointer](frame, frameParent)
		if frame == nil {
			return true
		}
		fn, pc := at[*lua.LFunction](frame, frameFn), at[int](frame, framePc)
		if fn == nil || fn.Proto == nil || int(fn.Proto.Code[pc-1]>>26) != lua.OP_CALL {
			return false
		}
	}
}
