package lua51

import (
	"slices"

	"github.com/yuin/gopher-lua/ast"
)

// Children are the parts of an expression that are expressions.
func Children(e ast.Expr) (all []ast.Expr) {
	switch x := e.(type) {
	case *ast.AttrGetExpr:
		all = []ast.Expr{x.Object, x.Key}
	case *ast.TableExpr:
		for _, f := range x.Fields {
			all = append(all, f.Key, f.Value)
		}
	case *ast.FuncCallExpr:
		all = append([]ast.Expr{x.Func, x.Receiver}, x.Args...)
	case *ast.LogicalOpExpr:
		all = []ast.Expr{x.Lhs, x.Rhs}
	case *ast.RelationalOpExpr:
		all = []ast.Expr{x.Lhs, x.Rhs}
	case *ast.StringConcatOpExpr:
		all = []ast.Expr{x.Lhs, x.Rhs}
	case *ast.ArithmeticOpExpr:
		all = []ast.Expr{x.Lhs, x.Rhs}
	case *ast.UnaryMinusOpExpr:
		all = []ast.Expr{x.Expr}
	case *ast.UnaryNotOpExpr:
		all = []ast.Expr{x.Expr}
	case *ast.UnaryLenOpExpr:
		all = []ast.Expr{x.Expr}
	}
	return slices.DeleteFunc(all, func(e ast.Expr) bool { return e == nil })
}

// parts are the expressions and blocks of a statement, and the elseif that follows an if.
func parts(s ast.Stmt) (exprs []ast.Expr, blocks [][]ast.Stmt, next ast.Stmt) {
	switch x := s.(type) {
	case *ast.AssignStmt:
		return append(append(exprs, x.Lhs...), x.Rhs...), nil, nil
	case *ast.LocalAssignStmt:
		return x.Exprs, nil, nil
	case *ast.FuncCallStmt:
		return []ast.Expr{x.Expr}, nil, nil
	case *ast.DoBlockStmt:
		return nil, [][]ast.Stmt{x.Stmts}, nil
	case *ast.WhileStmt:
		return []ast.Expr{x.Condition}, [][]ast.Stmt{x.Stmts}, nil
	case *ast.RepeatStmt:
		return []ast.Expr{x.Condition}, [][]ast.Stmt{x.Stmts}, nil
	case *ast.IfStmt:
		if len(x.Else) == 1 {
			if other, ok := x.Else[0].(*ast.IfStmt); ok {
				return []ast.Expr{x.Condition}, [][]ast.Stmt{x.Then}, other
			}
		}
		return []ast.Expr{x.Condition}, [][]ast.Stmt{x.Then, x.Else}, nil
	case *ast.NumberForStmt:
		return []ast.Expr{x.Init, x.Limit, x.Step}, [][]ast.Stmt{x.Stmts}, nil
	case *ast.GenericForStmt:
		return x.Exprs, [][]ast.Stmt{x.Stmts}, nil
	case *ast.FuncDefStmt:
		return []ast.Expr{x.Name.Func, x.Name.Receiver, x.Func}, nil, nil
	case *ast.ReturnStmt:
		return x.Exprs, nil, nil
	}
	return nil, nil, nil
}
