// Package luatree walks the syntax trees of Lua scripts, for the compiler and for the static check.
package luatree

import (
	"slices"

	"github.com/yuin/gopher-lua/ast"
)

// Children returns the parts of an expression that are expressions. A function has none: its body is statements.
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
