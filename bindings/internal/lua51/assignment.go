package lua51

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// assignment returns an assignment that gopher-lua's code generator compiles right. The generator may use the
// register of an assigned variable for parts of the value. That is right only for values whose last instruction is
// the only one that writes to that register: a constant, a variable, a field, arithmetic, a comparison, a table or
// a function.
func assignment(x *ast.AssignStmt) ast.Stmt {
	if len(x.Lhs) > 1 || len(x.Rhs) > 1 {
		return spillAssignment(x)
	}
	if get, ok := x.Lhs[0].(*ast.AttrGetExpr); ok && isConstant(get.Object) {
		return spillAssignment(x)
	}
	switch value := x.Rhs[0].(type) {
	case *ast.LogicalOpExpr:
		return spillAssignment(x)
	case *ast.FuncCallExpr: // one name takes one value of it
		value.AdjustRet = false
	case *ast.Comma3Expr:
		value.AdjustRet = false
	}
	return x
}

func isConstant(e ast.Expr) bool {
	_, known := constantTruth(e)
	return known
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
		id := fresh("held", held)
		held++
		declare([]ast.Expr{e}, id.Value)
		return id
	}
	targets := make([]ast.Expr, len(x.Lhs))
	for i, e := range x.Lhs {
		targets[i] = e
		if get, ok := e.(*ast.AttrGetExpr); ok {
			to := &ast.AttrGetExpr{Object: hold(get.Object), Key: get.Key}
			if !isConstant(get.Key) {
				to.Key = hold(get.Key)
			}
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
