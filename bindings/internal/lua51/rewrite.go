package lua51

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// rewriter replaces what gopher-lua's code generator compiles wrong by equivalent code that it compiles right:
//
//   - an assignment to several names, of an `and`/`or`, or to a field of a constant uses new local variables,
//     because the generator writes to a register that a later part of the same statement still reads, or takes the
//     constant's number for a register;
//   - an assignment of one call, or of "...", to one name is not cut to one value, because the generator then
//     evaluates it in the register of a parameter, and overwrites the registers after it;
//   - a `break` from a loop that makes functions is a goto, because the generator closes only the variables of the
//     outermost block that it leaves;
//   - an `and`/`or`/`if` with a constant condition is decided here, because the generator miscounts its jumps;
//   - .. is a call of our own function, because the interpreter's operator has no limit;
//   - a number with leading zeros is decimal, because the generator takes it for octal;
//   - a call in `{ key = f() }` is cut to one value, because the generator appends the others to the list;
//   - a `for … in` reads its three values from local variables, because the generator reads stale registers for
//     missing values, and for calls inside calls;
//   - a numeric `for` converts its values by a function of ours, because the interpreter takes numbers alone.
//
// The new variables have names that no script can spell. Line numbers stay the same.
type rewriter struct {
	file         string
	recordTables bool // the code calls tableName with each table that it makes
	functions    int  // the function expressions rewritten so far

	repeated []RepeatedKey // in the tables that are recorded
}

func (r *rewriter) block(stmts []ast.Stmt) {
	for i, s := range stmts {
		stmts[i] = r.stmt(s)
	}
}

func (r *rewriter) exprs(exprs []ast.Expr) {
	for i, e := range exprs {
		exprs[i] = r.expr(e)
	}
}

func (r *rewriter) stmt(s ast.Stmt) ast.Stmt {
	before := r.functions
	switch x := s.(type) {
	case *ast.AssignStmt:
		r.exprs(x.Lhs)
		r.exprs(x.Rhs)
		return assignment(x)
	case *ast.LocalAssignStmt:
		r.exprs(x.Exprs)
	case *ast.FuncCallStmt:
		x.Expr = r.expr(x.Expr)
	case *ast.DoBlockStmt:
		r.block(x.Stmts)
	case *ast.WhileStmt:
		x.Condition = r.expr(x.Condition)
		return r.loop(x, x.Stmts, before)
	case *ast.RepeatStmt:
		x.Condition = r.expr(x.Condition)
		return r.loop(x, x.Stmts, before)
	case *ast.IfStmt:
		return r.ifStmt(x)
	case *ast.NumberForStmt:
		x.Init, x.Limit = toNumberCall(r.expr(x.Init), ForNames[0]), toNumberCall(r.expr(x.Limit), ForNames[1])
		if x.Step != nil {
			x.Step = toNumberCall(r.expr(x.Step), ForNames[2])
		}
		return r.loop(x, x.Stmts, before)
	case *ast.GenericForStmt:
		return r.genericFor(x, before)
	case *ast.FuncDefStmt:
		r.expr(x.Func)
	case *ast.ReturnStmt:
		r.exprs(x.Exprs)
	}
	return s
}

func (r *rewriter) ifStmt(x *ast.IfStmt) ast.Stmt {
	x.Condition = r.expr(x.Condition)
	r.block(x.Then)
	r.block(x.Else)
	truth, known := constantTruth(x.Condition)
	if !known {
		return x
	}
	do := &ast.DoBlockStmt{Stmts: x.Else}
	if truth {
		do.Stmts = x.Then
	}
	copyPos(do, x)
	return do
}

// genericFor makes `for k, v in f() do … end` into: do local f', s', c' = f(); for k, v in f', s', c' do … end
// end.
func (r *rewriter) genericFor(x *ast.GenericForStmt, before int) ast.Stmt {
	r.exprs(x.Exprs)
	loop := r.loop(x, x.Stmts, before)
	names := []string{"(for 0)", "(for 1)", "(for 2)"}
	values := &ast.LocalAssignStmt{Names: names, Exprs: x.Exprs}
	copyPos(values, x)
	x.Exprs = nil
	for _, name := range names {
		id := &ast.IdentExpr{Value: name}
		copyPos(id, x)
		x.Exprs = append(x.Exprs, id)
	}
	do := &ast.DoBlockStmt{Stmts: []ast.Stmt{values, loop}}
	copyPos(do, x)
	return do
}

func (r *rewriter) expr(e ast.Expr) ast.Expr {
	switch x := e.(type) {
	case *ast.AttrGetExpr:
		x.Object, x.Key = r.expr(x.Object), r.expr(x.Key)
	case *ast.TableExpr:
		for _, f := range x.Fields {
			if f.Key != nil {
				f.Key = r.expr(f.Key)
			}
			f.Value = r.expr(f.Value)
			if f.Key != nil {
				truncateToOne(f.Value)
			}
		}
		if r.recordTables {
			return r.recordedTable(x)
		}
	case *ast.FuncCallExpr:
		if x.Func != nil {
			x.Func = r.expr(x.Func)
		}
		if x.Receiver != nil {
			x.Receiver = r.expr(x.Receiver)
		}
		r.exprs(x.Args)
	case *ast.LogicalOpExpr:
		x.Lhs, x.Rhs = r.expr(x.Lhs), r.expr(x.Rhs)
		if truth, known := constantTruth(x.Lhs); known {
			truncateToOne(x.Rhs)
			if truth == (x.Operator == "and") {
				return x.Rhs
			}
			return x.Lhs
		}
	case *ast.RelationalOpExpr:
		x.Lhs, x.Rhs = r.expr(x.Lhs), r.expr(x.Rhs)
	case *ast.StringConcatOpExpr:
		return r.concatCall(x)
	case *ast.ArithmeticOpExpr:
		x.Lhs, x.Rhs = r.expr(x.Lhs), r.expr(x.Rhs)
	case *ast.UnaryMinusOpExpr:
		x.Expr = r.expr(x.Expr)
	case *ast.UnaryNotOpExpr:
		x.Expr = r.expr(x.Expr)
	case *ast.UnaryLenOpExpr:
		x.Expr = r.expr(x.Expr)
	case *ast.FunctionExpr:
		r.functions++
		r.block(x.Stmts)
	case *ast.NumberExpr:
		if f, ok := parseNumber(x.Value); ok { // 010 is ten
			x.Value = strconv.FormatFloat(f, 'g', -1, 64)
		}
	}
	return e
}

// concatCall returns a call of our own function for a .. b .. c.
func (r *rewriter) concatCall(x *ast.StringConcatOpExpr) ast.Expr {
	name := &ast.IdentExpr{Value: ConcatName}
	copyPos(name, x)
	call := &ast.FuncCallExpr{Func: name, Args: []ast.Expr{r.expr(x.Lhs)}, AdjustRet: true}
	copyPos(call, x)
	truncateToOne(call.Args[0])
	rhs := r.expr(x.Rhs)
	if more, ok := rhs.(*ast.FuncCallExpr); ok {
		if id, ok := more.Func.(*ast.IdentExpr); ok && id.Value == ConcatName && len(more.Args) < 100 {
			call.Args = append(call.Args, more.Args...)
			return call
		}
	}
	truncateToOne(rhs)
	call.Args = append(call.Args, rhs)
	return call
}

// constantTruth returns the truth of a constant expression.
func constantTruth(e ast.Expr) (truth, known bool) {
	switch e.(type) {
	case *ast.NilExpr, *ast.FalseExpr:
		return false, true
	case *ast.TrueExpr, *ast.NumberExpr, *ast.StringExpr:
		return true, true
	}
	return false, false
}

// truncateToOne cuts the values of a call or of "..." to one.
func truncateToOne(e ast.Expr) {
	switch x := e.(type) {
	case *ast.FuncCallExpr:
		x.AdjustRet = true
	case *ast.Comma3Expr:
		x.AdjustRet = true
	}
}

// copyPos sets the lines of a new node to those of the node that it replaces.
func copyPos(to, from ast.PositionHolder) {
	to.SetLine(from.Line())
	to.SetLastLine(from.LastLine())
}
