package bindings

import (
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// perMoved is how many values an instruction compares with nil or copies in the time of a step.
const perMoved = 2

// perGap is what a place costs that a table gets before it is used, in steps: the list is copied many times as it grows.
const perGap = 4

// perError is what an error costs that is made, raised and caught, in steps.
const perError = 500

// The fields of a call frame, which gopher-lua does not export, and of the registers.
var (
	threadFrame = field(reflect.TypeFor[lua.LState](), "currentFrame", nil)
	frameFn     = field(threadFrame.Type.Elem(), "Fn", reflect.TypeFor[*lua.LFunction]())
	framePc     = field(threadFrame.Type.Elem(), "Pc", reflect.TypeFor[int]())
	frameLocals = field(threadFrame.Type.Elem(), "LocalBase", reflect.TypeFor[int]())
	frameArgs   = field(threadFrame.Type.Elem(), "NArgs", reflect.TypeFor[int]())
	regTop      = field(threadReg.Type.Elem(), "top", reflect.TypeFor[int]())
)

// at reads a field of what p points to.
func at[F any](p unsafe.Pointer, f reflect.StructField) F {
	return *(*F)(unsafe.Add(p, f.Offset))
}

// instruction is the one that a thread is about to execute.
type instruction struct {
	th    *lua.LState
	frame unsafe.Pointer
	proto *lua.FunctionProto
	code  uint32
}

// instructionOf returns the next instruction of a thread; it is not ok if no Lua function runs in it.
func instructionOf(th *lua.LState) (i instruction, ok bool) {
	frame := at[unsafe.Pointer](unsafe.Pointer(th), threadFrame)
	if frame == nil {
		return i, false
	}
	fn, pc := at[*lua.LFunction](frame, frameFn), at[int](frame, framePc)
	if fn == nil || fn.Proto == nil || pc < 1 || pc > len(fn.Proto.Code) {
		return i, false
	}
	return instruction{th, frame, fn.Proto, fn.Proto.Code[pc-1]}, true
}

func (i *instruction) a() int { return int(i.code>>18) & 0xff }
func (i *instruction) b() int { return int(i.code & 0x1ff) }
func (i *instruction) c() int { return int(i.code>>9) & 0x1ff }

// operand is a register, or a constant.
func (i *instruction) operand(n int) lua.LValue {
	if n&0x100 != 0 {
		return i.proto.Constants[n&0xff]
	}
	if all, n := registers(i.th), n+at[int](i.frame, frameLocals); n < len(all) {
		return all[n]
	}
	return nil
}

// open is how many values an open list of arguments or results has: all registers from A on.
func (i *instruction) open() int {
	if i.b() != 0 {
		return 0
	}
	top := at[int](at[unsafe.Pointer](unsafe.Pointer(i.th), threadReg), regTop)
	return max(top-at[int](i.frame, frameLocals)-i.a(), 0)
}

// cost is what an instruction does beyond a step, in steps: most do the same whatever their operands are.
func (i *instruction) cost() int {
	switch int(i.code >> 26) {
	case lua.OP_LEN:
		return emptyTail(i.operand(i.b())) / perMoved
	case lua.OP_EQ, lua.OP_LT, lua.OP_LE:
		return comparison(i.operand(i.b()), i.operand(i.c()))
	case lua.OP_GETTABLE:
		return textCost(i.operand(i.c()))
	case lua.OP_SETTABLE:
		key := i.operand(i.b())
		return textCost(key) + perGap*gap(i.operand(i.a()), key)
	case lua.OP_CALL, lua.OP_RETURN:
		return i.open() / perMoved
	case lua.OP_SETLIST:
		return i.open()
	case lua.OP_VARARG:
		n := at[int](i.frame, frameArgs) - int(i.proto.NumParameters)
		if i.b() != 0 {
			n = min(n, i.b())
		}
		return max(n, 0) / perMoved
	}
	return 0
}

// textCost is the cost of a look at all of a text, 0 of any other value.
func textCost(v lua.LValue) int {
	s, _ := v.(lua.LString)
	return len(s) / perStep
}

// comparison is the cost of comparing two values.
func comparison(a, b lua.LValue) int { return min(textCost(a), textCost(b)) }

// emptyTail is how many places at the end of a table's list part are empty. The length of the table is found from its end.
func emptyTail(v lua.LValue) int {
	t, ok := v.(*lua.LTable)
	if !ok {
		return 0
	}
	list := tableArray.of(t)
	n := 0
	for n < len(list) && (list[len(list)-1-n] == lua.LNil || list[len(list)-1-n] == nil) {
		n++
	}
	return n
}

// gap is how many empty places a table gets when a value is put behind the end of its list part.
func gap(v, key lua.LValue) int {
	t, ok := v.(*lua.LTable)
	n, isNumber := key.(lua.LNumber)
	if !ok || !isNumber || n < 1 || n >= lua.LNumber(lua.MaxArrayIndex) || n != lua.LNumber(int(n)) {
		return 0
	}
	return max(int(n)-1-len(tableArray.of(t)), 0)
}

// ends makes a stock function count that it looks for the end of the list that it is called for.
func (h *host) ends(stock lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		t, _ := tableIn(L.Get(1))
		h.watchdog.work(emptyTail(t)/perMoved, 0)
		return stock(L)
	}
}

// skips makes Lua's next count the empty places that it passes.
func (h *host) skips(stock lua.LGFunction) lua.LGFunction {
	place := func(t *lua.LTable, key lua.LValue) int {
		list, keys := len(tableArray.of(t)), tableKeys.of(t)
		switch n, isNumber := key.(lua.LNumber); {
		case key == lua.LNil || key == nil:
			return 0
		case isNumber && n >= 1 && n <= lua.LNumber(list):
			return int(n)
		case len(keys) == 0:
			return list
		}
		return list + tablePlaces.of(t)[key]
	}
	return func(L *lua.LState) int {
		t, ok := L.Get(1).(*lua.LTable)
		if !ok {
			return stock(L)
		}
		from := place(t, L.Get(2))
		n := stock(L)
		to := place(t, L.Get(-n))
		if n == 1 { // the end
			to = len(tableArray.of(t)) + len(tableKeys.of(t))
		}
		h.watchdog.work(max(to-from, 0)/perMoved, 0)
		return n
	}
}
