package vm

import (
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

const (
	valuesPerStep = 2 // values that an instruction compares with nil or copies in the time of a step
	stepsPerGap   = 4 // cost of a place that a table gets before it is used: the list is copied many times as it grows
)

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

// instruction is the next one that a thread executes.
type instruction struct {
	th    *lua.LState
	frame unsafe.Pointer
	proto *lua.FunctionProto
	code  uint32
}

// instructionOf returns the next instruction of a thread; it is not ok if no Lua function runs in it.
func instructionOf(th *lua.LState) (i instruction, ok bool) {
	return instructionIn(th, at[unsafe.Pointer](unsafe.Pointer(th), threadFrame))
}

// instructionIn returns the instruction of a call frame of a thread.
func instructionIn(th *lua.LState, frame unsafe.Pointer) (i instruction, ok bool) {
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

// operand returns the value of an operand, a register or a constant; nil if the register does not exist.
func (i *instruction) operand(n int) lua.LValue {
	if n&0x100 != 0 {
		return i.proto.Constants[n&0xff]
	}
	if all, n := registers(i.th), n+at[int](i.frame, frameLocals); n < len(all) {
		return all[n]
	}
	return nil
}

// open returns the number of values in an open list of arguments or results, which has all registers from A on.
func (i *instruction) open() int {
	if i.b() != 0 {
		return 0
	}
	top := at[int](at[unsafe.Pointer](unsafe.Pointer(i.th), threadReg), regTop)
	return max(top-at[int](i.frame, frameLocals)-i.a(), 0)
}

// cost returns the cost of an instruction beyond its own step, in steps. It is 0 for most, whose work does not
// depend on their operands.
func (i *instruction) cost() int {
	switch int(i.code >> 26) {
	case lua.OP_LEN:
		return emptyTail(i.operand(i.b())) / valuesPerStep
	case lua.OP_EQ, lua.OP_LT, lua.OP_LE:
		return CompareCost(i.operand(i.b()), i.operand(i.c()))
	case lua.OP_GETTABLE:
		return TextCost(i.operand(i.c()))
	case lua.OP_SETTABLE:
		key := i.operand(i.b())
		return TextCost(key) + stepsPerGap*gap(i.operand(i.a()), key)
	case lua.OP_CALL, lua.OP_RETURN:
		return i.open() / valuesPerStep
	case lua.OP_SETLIST:
		return i.open()
	case lua.OP_VARARG:
		n := at[int](i.frame, frameArgs) - int(i.proto.NumParameters)
		if i.b() != 0 {
			n = min(n, i.b())
		}
		return max(n, 0) / valuesPerStep
	}
	return 0
}

// TextCost returns the cost of reading all of a text, in steps. It is 0 for any other value.
func TextCost(v lua.LValue) int {
	s, _ := v.(lua.LString)
	return len(s) / BytesPerStep
}

// CompareCost returns the cost of comparing two values, in steps.
func CompareCost(a, b lua.LValue) int { return min(TextCost(a), TextCost(b)) }

// LengthCost returns the cost of finding the length of a table, in steps.
func LengthCost(t *lua.LTable) int {
	if t == nil {
		return 0
	}
	return emptyTail(t) / valuesPerStep
}

// SkipCost returns the cost of the empty places that Lua's next passes between two keys of a table, in steps. As
// from, nil is the start; as to, it is the end.
func SkipCost(t *lua.LTable, from, to lua.LValue) int {
	end := place(t, to)
	if to == lua.LNil {
		end = len(tableArray.of(t)) + len(tableKeys.of(t))
	}
	return max(end-place(t, from), 0) / valuesPerStep
}

// place returns how many places of a table next has passed at a key.
func place(t *lua.LTable, key lua.LValue) int {
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

// emptyTail returns the number of empty places at the end of a table's list part. gopher-lua searches for the
// length of a table from there.
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

// gap returns the number of empty places that a table gets when a value is set after the end of its list part.
func gap(v, key lua.LValue) int {
	t, ok := v.(*lua.LTable)
	n, isNumber := key.(lua.LNumber)
	if !ok || !isNumber || n < 1 || n >= lua.LNumber(lua.MaxArrayIndex) || n != lua.LNumber(int(n)) {
		return 0
	}
	return max(int(n)-1-len(tableArray.of(t)), 0)
}
