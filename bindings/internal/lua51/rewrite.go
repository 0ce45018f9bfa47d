package lua51

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// The rewriter replaces what gopher-lua's code generator compiles wrong by equivalent code that it compiles right:
//
//   - an assignment to several names, or of an `and`/`or`, uses new local variables, because the generator writes
//     to a register that a later part of the same statement still reads;
//   - an `and`/`or`/`if` with a constant condition is decided here, because the generator miscounts its jumps;
//   - .. is a call of our own function, because the interpreter's operator has no limit;
//   - a number with leading zeros is decimal, because the generator takes it for octal;
//   - a call in `{ key = f() }` is cut to one value, because the generator appends the others to the list;
//   - a `for … in` reads its three values from local variables, because the generator reads stale registers for
//     missing values, and for calls inside calls.
//
// The new variables have names that no script can spell. Line numbers stay the same.

func rewriteBlock(stmts []ast.Stmt) {
	for i, s := range stmts {
		stmts[i] = rewriteStmt(s)
	}
}

func rewriteExprs(exprs []ast.Expr) {
	for i, e := range exprs {
		exprs[i] = rewriteExpr(e)
	}
}

func rewriteStmt(s ast.Stmt) ast.Stmt {
	switch x := s.(type) {
	case *ast.AssignStmt:
		rewriteExprs(x.Lhs)
		rewriteExprs(x.Rhs)
		if _, logical := x.Rhs[0].(*ast.LogicalOpExpr); len(x.Lhs) > 1 || len(x.Rhs) > 1 || logical {
			return spillAssignment(x)
		}
	case *ast.LocalAssignStmt:
		rewriteExprs(x.Exprs)
	case *ast.FuncCallStmt:
		x.Expr = rewriteExpr(x.Expr)
	case *ast.DoBlockStmt:
		rewriteBlock(x.Stmts)
	case *ast.WhileStmt:
		x.Condition = rewriteExpr(x.Condition)
		rewriteBlock(x.Stmts)
	case *ast.RepeatStmt:
		x.Condition = rewriteExpr(x.Condition)
		rewriteBlock(x.Stmts)
	case *ast.IfStmt:
		return rewriteIf(x)
	case *ast.NumberForStmt:
		x.Init, x.Limit = rewriteExpr(x.Init), rewriteExpr(x.Limit)
		if x.Step != nil {
			x.Step = rewriteExpr(x.Step)
		}
		rewriteBlock(x.Stmts)
	case *ast.GenericForStmt:
		return rewriteFor(x)
	case *ast.FuncDefStmt:
		rewriteExpr(x.Func)
	case *ast.ReturnStmt:
		rewriteExprs(x.Exprs)
	}
	return s
}

func rewriteIf(x *ast.IfStmt) ast.Stmt {
	x.Condition = rewriteExpr(x.Condition)
	rewriteBlock(x.Then)
	rewriteBlock(x.Else)
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

// rewriteFor makes `for k, v in f() do … end` into: do local f', s', c' = f(); for k, v in f', s', c' do … end
// end.
func rewriteFor(x *ast.GenericForStmt) ast.Stmt {
	rewriteExprs(x.Exprs)
	rewriteBlock(x.Stmts)
	names := []string{"(for 0)", "(for 1)", "(for 2)"}
	values := &ast.LocalAssignStmt{Names: names, Exprs: x.Exprs}
	copyPos(values, x)
	x.Exprs = nil
	for _, name := range names {
		id := &ast.IdentExpr{Value: name}
		copyPos(id, x)
		x.Exprs = append(x.Exprs, id)
	}
	do := &ast.DoBlockStmt{Stmts: []ast.Stmt{values, x}}
	copyPos(do, x)
	return do
}

func rewriteExpr(e ast.Expr) ast.Expr {
	switch x := e.(type) {
	case *ast.AttrGetExpr:
		x.Object, x.Key = rewriteExpr(x.Object), rewriteExpr(x.Key)
	case *ast.TableExpr:
		for _, f := range x.Fields {
			if f.Key != nil {
				f.Key = rewriteExpr(f.Key)
			}
			f.Value = rewriteExpr(f.Value)
			if f.Key != nil {
				truncateToOne(f.Value)
			}
		}
	case *ast.FuncCallExpr:
		if x.Func != nil {
			x.Func = rewriteExpr(x.Func)
		}
		if x.Receiver != nil {
			x.Receiver = rewriteExpr(x.Receiver)
		}
		rewriteExprs(x.Args)
	case *ast.LogicalOpExpr:
		x.Lhs, x.Rhs = rewriteExpr(x.Lhs), rewriteExpr(x.Rhs)
		if truth, known := constantTruth(x.Lhs); known {
			truncateToOne(x.Rhs)
			if truth == (x.Operator == "and") {
				return x.Rhs
			}
			return x.Lhs
		}
	case *ast.RelationalOpExpr:
		x.Lhs, x.Rhs = rewriteExpr(x.Lhs), rewriteExpr(x.Rhs)
	case *ast.StringConcatOpExpr:
		return concatCall(x)
	case *ast.ArithmeticOpExpr:
		x.Lhs, x.Rhs = rewriteExpr(x.Lhs), rewriteExpr(x.Rhs)
	case *ast.UnaryMinusOpExpr:
		x.Expr = rewriteExpr(x.Expr)
	case *ast.UnaryNotOpExpr:
		x.Expr = rewriteExpr(x.Expr)
	case *ast.UnaryLenOpExpr:
		x.Expr = rewriteExpr(x.Expr)
	case *ast.FunctionExpr:
		rewriteBlock(x.Stmts)
	case *ast.NumberExpr:
		if f, ok := parseNumber(x.Value); ok { // 010 is ten
			x.Value = strconv.FormatFloat(f, 'g', -1, 64)
		}
	}
	return e
}

// concatCall returns a call of our own function for a .. b .. c.
func concatCall(x *ast.StringConcatOpExpr) ast.Expr {
	name := &ast.IdentExpr{Value: ConcatName}
	copyPos(name, x)
	call := &ast.FuncCallExpr{Func: name, Args: []ast.Expr{rewriteExpr(x.Lhs)}, AdjustRet: true}
	copyPos(call, x)
	truncateToOne(call.Args[0])
	rhs := rewriteExpr(x.Rhs)
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

// spillAssignment makes `a, t[k] = x, y` into: do local t', k' = t, k; local x', y' = x, y; t'[k'] = y'; a = x'
// end. Lua 5.1 assigns from right to left.
func spillAssignment(x *ast.AssignStmt) ast.Stmt {
	do := &ast.DoBlockStmt{}
	copyPos(do, x)
	fresh := func(kind string, i int) *ast.IdentExpr {
		id := &ast.IdentExpr{Value: "(" + kind + " " + strconv.Itoa(i) + ")"}
		copyPos(id, x)
		return id
	}
	declare := func(exprs []ast.Expr, names ...string) {
		l := &ast.LocalAssignStmt{Names: names, Exprs: exprs}
		copyPos(l, x)
		do.Stmts = append(do.Stmts, l)
	}
	held := 0
	hold := func(e ast.Expr) ast.Expr {
		if _, known := constantTruth(e); known {
			return e
		}
		id := fresh("held", held)
		held++
		declare([]ast.Expr{e}, id.Value)
		return id
	}
	targets := make([]ast.Expr, len(x.Lhs))
	for i, e := range x.Lhs {
		targets[i] = e
		if get, ok := e.(*ast.AttrGetExpr); ok {
			to := &ast.AttrGetExpr{Object: hold(get.Object), Key: hold(get.Key)}
			copyPos(to, get)
			targets[i] = to
		}
	}
	var names []string
	for i := range targets {
		names = append(names, fresh("value", i).Value)
	}
	declare(x.Rhs, names...)
	for i := len(targets) - 1; i >= 0; i-- {
		as := &ast.AssignStmt{Lhs: []ast.Expr{targets[i]}, Rhs: []ast.Expr{fresh("value", i)}}
		copyPos(as, x)
		do.Stmts = append(do.Stmts, as)
	}
	return do
}
