package vm

import (
	"fmt"
	"strings"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// Names of operands for messages. They are in DbgLocals of a function, each with its instruction as StartPc and the
// number of the operand as EndPc. What gopher-lua has there are local variables with wrong ends, which only its
// library debug reads.

// ClearOperandNames removes all names from a function.
func ClearOperandNames(p *lua.FunctionProto) { p.DbgLocals = nil }

// SetOperandName names an operand of instruction pc: "field 'x'". The calls must be in the order of pc.
func SetOperandName(p *lua.FunctionProto, pc, operand int, name string) {
	p.DbgLocals = append(p.DbgLocals, &lua.DbgLocalInfo{Name: name, StartPc: pc, EndPc: operand})
}

// panicNamed is the Panic of a thread that runs a script. It raises the value on top of the stack, with the message
// of a fault of the code as Lua has it.
func panicNamed(L *lua.LState) {
	v := L.Get(-1)
	if text, ok := v.(lua.LString); ok {
		if i, ok := instructionOf(L); ok {
			v = lua.LString(i.explain(string(text)))
		}
	}
	panic(&lua.ApiError{Type: lua.ApiErrorRun, Object: v})
}

// What the messages of gopher-lua begin with.
const (
	indexFault      = "attempt to index a non-table object("
	callFault       = "attempt to call a non-function object"
	arithmeticFault = "cannot perform "
	minusFault      = "__unm undefined"
	lengthFault     = "__len undefined"
	compareFault    = "attempt to compare "
)

// explain returns the message of a fault of the instruction as Lua has it. Any other text it returns as it is.
func (i *instruction) explain(text string) string {
	switch op := int(i.code >> 26); op {
	case lua.OP_GETTABLE, lua.OP_GETTABLEKS, lua.OP_SELF:
		return i.explainIndex(text, i.b())
	case lua.OP_SETTABLE, lua.OP_SETTABLEKS:
		return i.explainIndex(text, i.a())
	case lua.OP_CALL, lua.OP_TAILCALL, lua.OP_TFORLOOP:
		return i.replace(text, callFault, "call", 0, i.operand(i.a()))
	case lua.OP_ADD, lua.OP_SUB, lua.OP_MUL, lua.OP_DIV, lua.OP_MOD, lua.OP_POW:
		n, v := 0, i.operand(i.b())
		if _, ok := v.(lua.LNumber); ok {
			n, v = 1, i.operand(i.c())
		}
		return i.replace(text, arithmeticFault, "perform arithmetic on", n, v)
	case lua.OP_UNM:
		return i.replace(text, minusFault, "perform arithmetic on", 0, i.operand(i.b()))
	case lua.OP_LEN:
		return i.replace(text, lengthFault, "get length of", 0, i.operand(i.b()))
	case lua.OP_LT, lua.OP_LE:
		at, types, ok := strings.Cut(text, compareFault)
		if a, b, two := strings.Cut(types, " with "); ok && two && a == b {
			return at + compareFault + "two " + a + " values"
		}
	}
	return text
}

// replace returns text, from what it begins with on, as the fault of doing something with operand n, whose value is
// v.
func (i *instruction) replace(text, begin, do string, n int, v lua.LValue) string {
	at, _, ok := strings.Cut(text, begin)
	if !ok || v == nil {
		return text
	}
	return at + faultOf(do, i.operandName(n), v.Type())
}

// explainIndex is explain for an instruction that indexes a register. The value that cannot be indexed is another
// one if a metatable says where to look: it then has no name, and the message keeps the key.
func (i *instruction) explainIndex(text string, register int) string {
	at, rest, ok := strings.Cut(text, indexFault)
	kind, key, ok2 := strings.Cut(rest, ") ")
	if !ok || !ok2 {
		return text
	}
	name := ""
	switch v := i.operand(register).(type) {
	case nil, *lua.LTable, *lua.LUserData:
	default:
		if v.Type().String() == kind {
			name = i.operandName(0)
		}
	}
	if name == "" {
		return at + "attempt to index a " + kind + " value " + key
	}
	return at + fmt.Sprintf("attempt to index %s (a %s value)", name, kind)
}

// faultOf returns Lua's message for an operand of the wrong type.
func faultOf(do, name string, t lua.LValueType) string {
	if name == "" {
		return fmt.Sprintf("attempt to %s a %s value", do, t)
	}
	return fmt.Sprintf("attempt to %s %s (a %s value)", do, name, t)
}

// operandName returns the name of an operand, "" if it has none.
func (i *instruction) operandName(n int) string {
	pc := at[int](i.frame, framePc) - 1
	for _, d := range i.proto.DbgLocals {
		if d.StartPc == pc && d.EndPc == n {
			return d.Name
		}
	}
	return ""
}

// OperandFault raises the fault of an operator for which the script's code calls this function: doing something with
// the operand n, whose value is v. An n below 0 has no name.
func (c *Args) OperandFault(do string, n int, v lua.LValue) {
	name := ""
	if frame := at[unsafe.Pointer](unsafe.Pointer(c.L), threadFrame); frame != nil {
		if i, ok := instructionIn(c.L, at[unsafe.Pointer](frame, frameParent)); ok {
			name = i.operandName(n)
		}
	}
	c.L.RaiseError("%s", faultOf(do, name, v.Type()))
}
