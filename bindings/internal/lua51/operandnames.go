package lua51

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/bindings/internal/luatree"
	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// A fault of the code names the variable, as in Lua: "attempt to index field 'fan' (a nil value)". nameOperands
// finds the names in the syntax tree and writes their index into the line number of the expression, above line and
// level of a goto (see withLevel), from where the generator copies it into the instructions. repair moves the names
// into the function, where package vm looks them up after a fault.

// namesShift is where the index begins in a line number. An int of 32 bits has no room for it, and faults no names.
const namesShift = 32

// operandNames are the names of the operands of one expression, by the instructions that the generator makes of it.
// A name is "local 'x'" or empty.
type operandNames struct {
	object   string   // GETTABLE, SELF: what is indexed
	target   string   // SETTABLE: what is indexed
	operands []string // CALL: the function and its arguments; arithmetic, LEN and UNM: the operands
}

// of returns the names for an instruction.
func (n *operandNames) of(op int) []string {
	switch op {
	case lua.OP_GETTABLE, lua.OP_GETTABLEKS, lua.OP_SELF:
		return []string{n.object}
	case lua.OP_SETTABLE, lua.OP_SETTABLEKS:
		return []string{n.target}
	case lua.OP_CALL, lua.OP_TAILCALL, lua.OP_ADD, lua.OP_SUB, lua.OP_MUL, lua.OP_DIV, lua.OP_MOD, lua.OP_POW, lua.OP_UNM, lua.OP_LEN:
		return n.operands
	}
	return nil
}

// nameOperands names the operands of all expressions of a script.
func nameOperands(chunk []ast.Stmt) []operandNames {
	n := &namer{fn: &functionScope{}}
	n.block(chunk)
	return n.names
}

// namer walks a syntax tree.
type namer struct {
	fn    *functionScope
	names []operandNames // the index in a line number is that in this list, plus 1
}

// functionScope are the local variables of a function that are visible, the innermost last.
type functionScope struct {
	outer     *functionScope
	variables []scopedVariable
}

// scopedVariable is a local variable. One that rewriter made has the name of its value.
type scopedVariable struct {
	name, valueName string
}

func (n *namer) declare(name, valueName string) {
	n.fn.variables = append(n.fn.variables, scopedVariable{name, valueName})
}

// block walks statements. Their variables end with them.
func (n *namer) block(stmts []ast.Stmt) {
	defer n.enter()()
	for _, s := range stmts {
		n.stmt(s)
	}
}

// enter begins a block.
func (n *namer) enter() (leave func()) {
	fn, visible := n.fn, len(n.fn.variables)
	return func() { fn.variables = fn.variables[:visible] }
}

func (n *namer) stmt(s ast.Stmt) {
	switch x := s.(type) {
	case *ast.LocalAssignStmt:
		n.local(x)
		return
	case *ast.RepeatStmt: // the condition sees the variables of the block
		defer n.enter()()
		for _, s := range x.Stmts {
			n.stmt(s)
		}
		n.expr(x.Condition)
		return
	case *ast.AssignStmt:
		for _, e := range x.Lhs {
			n.assigned(e)
		}
		n.exprs(x.Rhs)
		return
	case *ast.FuncDefStmt:
		n.functionDefinition(x)
		return
	}
	exprs, blocks, elseif := parts(s)
	n.exprs(exprs)
	defer n.enter()()
	switch x := s.(type) {
	case *ast.NumberForStmt:
		n.declare(x.Name, "")
	case *ast.GenericForStmt:
		for _, name := range x.Names {
			n.declare(name, "")
		}
	}
	for _, b := range blocks {
		n.block(b)
	}
	if elseif != nil {
		n.stmt(elseif)
	}
}

// local declares variables. A function that is the only value sees its own variable, because the generator compiles
// `local f = function` as `local function f`.
func (n *namer) local(x *ast.LocalAssignStmt) {
	if len(x.Names) == 1 && len(x.Exprs) == 1 {
		if f, ok := x.Exprs[0].(*ast.FunctionExpr); ok {
			n.declare(x.Names[0], "")
			n.function(f, false)
			return
		}
	}
	n.exprs(x.Exprs)
	values := make([]string, len(x.Names))
	for i := range min(len(x.Names), len(x.Exprs)) {
		values[i] = n.nameOf(x.Exprs[i])
	}
	for i, name := range x.Names {
		n.declare(name, values[i])
	}
}

// assigned walks an expression that a statement assigns to.
func (n *namer) assigned(e ast.Expr) {
	get, ok := e.(*ast.AttrGetExpr)
	if !ok {
		return
	}
	n.exprs([]ast.Expr{get.Object, get.Key})
	n.note(get, operandNames{target: n.nameOf(get.Object)})
}

// functionDefinition is `function a.b()` or `function a.b:c()`, whose receiver is a.b.
func (n *namer) functionDefinition(x *ast.FuncDefStmt) {
	if x.Name.Func != nil {
		n.assigned(x.Name.Func)
		n.function(x.Func, false)
		return
	}
	receiver := operandNames{target: n.nameOf(x.Name.Receiver)}
	if get, ok := x.Name.Receiver.(*ast.AttrGetExpr); ok {
		n.expr(get.Object)
		receiver.object = n.nameOf(get.Object)
	}
	n.note(x.Name.Receiver, receiver)
	n.function(x.Func, true)
}

func (n *namer) function(f *ast.FunctionExpr, hasSelf bool) {
	n.fn = &functionScope{outer: n.fn}
	if hasSelf {
		n.declare("self", "")
	}
	for _, name := range f.ParList.Names {
		n.declare(name, "")
	}
	if f.ParList.HasVargs {
		n.declare("arg", "")
	}
	n.block(f.Stmts)
	n.fn = n.fn.outer
}

func (n *namer) exprs(all []ast.Expr) {
	for _, e := range all {
		if e != nil {
			n.expr(e)
		}
	}
}

func (n *namer) expr(e ast.Expr) {
	if f, ok := e.(*ast.FunctionExpr); ok {
		n.function(f, false)
		return
	}
	n.exprs(luatree.Children(e))
	switch x := e.(type) {
	case *ast.AttrGetExpr:
		n.note(e, operandNames{object: n.nameOf(x.Object)})
	case *ast.FuncCallExpr:
		if x.Func == nil {
			n.note(e, operandNames{object: n.nameOf(x.Receiver), operands: []string{"method '" + x.Method + "'"}})
			return
		}
		names := []string{n.nameOf(x.Func)}
		if id, ok := x.Func.(*ast.IdentExpr); ok && id.Value == ConcatName {
			for _, a := range x.Args {
				names = append(names, n.nameOf(a))
			}
		}
		n.note(e, operandNames{operands: names})
	case *ast.ArithmeticOpExpr:
		n.note(e, operandNames{operands: []string{n.nameOf(x.Lhs), n.nameOf(x.Rhs)}})
	case *ast.UnaryMinusOpExpr:
		n.note(e, operandNames{operands: []string{n.nameOf(x.Expr)}})
	case *ast.UnaryLenOpExpr:
		n.note(e, operandNames{operands: []string{n.nameOf(x.Expr)}})
	}
}

// note records the names of an expression.
func (n *namer) note(e ast.Expr, names operandNames) {
	n.names = append(n.names, names)
	e.SetLine(e.Line() | len(n.names)<<namesShift)
}

// nameOf returns the name of the value of an expression as Lua's messages have it, "" if it has none.
func (n *namer) nameOf(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.IdentExpr:
		return n.variable(x.Value)
	case *ast.AttrGetExpr:
		if key, ok := x.Key.(*ast.StringExpr); ok {
			return "field '" + key.Value + "'"
		}
		return "field '?'"
	}
	return ""
}

// variable returns the name of a variable.
func (n *namer) variable(name string) string {
	kind := "local"
	for fn := n.fn; fn != nil; fn = fn.outer {
		for i := len(fn.variables) - 1; i >= 0; i-- {
			if v := fn.variables[i]; v.name == name {
				if strings.HasPrefix(name, "(") {
					return v.valueName
				}
				return kind + " '" + name + "'"
			}
		}
		kind = "upvalue"
	}
	return "global '" + name + "'"
}

// moveNames moves the names of the operands of instruction pc from its line number into the function.
func moveNames(p *lua.FunctionProto, pc int, names []operandNames) {
	line := p.DbgSourcePositions[pc]
	i := line >> namesShift
	p.DbgSourcePositions[pc] = line - i<<namesShift
	if i == 0 || i > len(names) {
		return
	}
	for operand, name := range names[i-1].of(int(p.Code[pc] >> 26)) {
		if name != "" {
			vm.SetOperandName(p, pc, operand, name)
		}
	}
}
