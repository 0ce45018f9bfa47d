package lua51

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
)

// Sizes of a function that gopher-lua's instructions can express. Beyond them its code generator is silently wrong.
const (
	maxJump     = 1<<17 - 1 // instructions
	maxUpvalues = 255
)

// repair corrects the code of a function and of the functions in it:
//
//   - Every tail call becomes a call. gopher-lua keeps a traceback line for each tail call without a limit, and
//     does not check the context after one.
//   - A goto closes the variables of the blocks that it leaves, and no others: see resolveGotos.
//   - The names of operands move from the line numbers to where package vm finds them: see nameOperands.
//   - A table constructor stores its values once, and where they belong. After a multiple of 50 values the generator
//     stores the last 50 again at each named field, when other values have their registers, and f() of `{ …, f() }`
//     over the first ones. It stores the values after the first 25,550 nowhere.
func repair(name string, p *lua.FunctionProto, names []operandNames) error {
	if len(p.DbgUpvalues) > maxUpvalues {
		return classify.New(classify.ScriptLimit, "%s:%d: a function uses more than %d variables of functions around it", name, p.LineDefined, maxUpvalues)
	}
	flushes := map[uint32]uint32{} // how often the values of the table in a register were stored
	jumps := false
	vm.ClearOperandNames(p)
	for i := 0; i < len(p.Code); i++ {
		inst := p.Code[i]
		moveNames(p, i, names)
		line, level := splitLevel(p.DbgSourcePositions[i])
		p.DbgSourcePositions[i] = line
		table := inst >> 18 & 0xff
		switch int(inst >> 26) {
		case lua.OP_TAILCALL:
			p.Code[i] = opcode(lua.OP_CALL) | inst&(1<<26-1)
		case lua.OP_CLOSE:
			if level >= 0 {
				p.Code[i] = opcode(lua.OP_CLOSE) | uint32(level)<<18
			}
		case lua.OP_NEWTABLE:
			delete(flushes, table)
		case lua.OP_SETLIST:
			if inst>>9&0x1ff == 0 { // the count is in the next word, or should be
				flushes[table]++
				i++
				p.Code[i] = flushes[table]
				continue
			}
			p.Code[i] = repairSetList(inst, flushes[table])
			flushes[table] = inst >> 9 & 0x1ff
		case lua.OP_JMP, lua.OP_FORPREP, lua.OP_FORLOOP:
			jumps = true
		}
	}
	if jumps && len(p.Code) > maxJump {
		return classify.New(classify.ScriptLimit, "%s:%d: a function of more than %d instructions", name, p.LineDefined, maxJump)
	}
	for _, f := range p.FunctionPrototypes {
		if err := repair(name, f, names); err != nil {
			return err
		}
	}
	return nil
}

// opcode returns an instruction without operands.
func opcode(op int) uint32 { return uint32(op) << 26 }

// repairSetList returns a SETLIST for the values after those of the former one, whose count it has if it is wrong.
func repairSetList(inst, before uint32) uint32 {
	if inst>>9&0x1ff != before {
		return inst
	}
	if inst&0x1ff == 0 { // all registers from here on
		return inst + 1<<9
	}
	return opcode(lua.OP_NOP)
}
