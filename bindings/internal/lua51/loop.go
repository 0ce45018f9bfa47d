package lua51

import (
	"github.com/yuin/gopher-lua/ast"
)

// ForNames are the global functions that Compile calls for the start, the limit and the step of a numeric `for`,
// unless they are numbers for certain. No script can spell the names.
var ForNames = [3]string{"(start)", "(limit)", "(step)"}

// breakLabel is the label after a loop.
const breakLabel = "(break)"

// loop rewrites the body of a loop. If the loop makes functions, so that there are more than before it, each break
// becomes a goto to a label after the loop.
func (r *rewriter) loop(x ast.Stmt, body []ast.Stmt, before int) ast.Stmt {
	r.block(body)
	if r.functions == before || !breaksToGotos(body) {
		return x
	}
	label := &ast.LabelStmt{Name: breakLabel}
	label.SetLine(x.LastLine())
	label.SetLastLine(x.LastLine())
	do := &ast.DoBlockStmt{Stmts: []ast.Stmt{x, label}}
	copyPos(do, x)
	return do
}

// breaksToGotos replaces the breaks of one loop, and reports whether there are any.
func breaksToGotos(stmts []ast.Stmt) (any bool) {
	for i, s := range stmts {
		switch x := s.(type) {
		case *ast.BreakStmt:
			jump := &ast.GotoStmt{Label: breakLabel}
			copyPos(jump, x)
			stmts[i], any = jump, true
		case *ast.DoBlockStmt:
			any = breaksToGotos(x.Stmts) || any
		case *ast.IfStmt:
			any = breaksToGotos(x.Then) || any
			any = breaksToGotos(x.Else) || any
		}
	}
	return any
}

// toNumberCall returns a call of a function of ours that converts a value of a numeric `for`.
func toNumberCall(e ast.Expr, name string) ast.Expr {
	switch x := e.(type) {
	case *ast.NumberExpr, *ast.ArithmeticOpExpr, *ast.UnaryLenOpExpr:
		return e
	case *ast.UnaryMinusOpExpr:
		if _, ok := x.Expr.(*ast.NumberExpr); ok {
			return e
		}
	}
	f := &ast.IdentExpr{Value: name}
	copyPos(f, e)
	truncateToOne(e)
	call := &ast.FuncCallExpr{Func: f, Args: []ast.Expr{e}, AdjustRet: true}
	copyPos(call, e)
	return call
}
