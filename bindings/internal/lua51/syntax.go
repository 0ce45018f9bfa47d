package lua51

import (
	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/bindings/internal/luatree"
	"github.com/flashlua/flashlua/classify"
)

// Limits of what makes gopher-lua's compiler slow: it folds the constants of an expression again at every level,
// and searches for each constant in the list of all constants of the function.
const (
	MaxSyntax    = 1000 // expressions and blocks inside each other
	MaxConstants = 8192 // different names, texts and numbers in one function
)

// MaxList is the largest number of values in a table constructor that also has names, or ends with a call or with
// "...". Beyond it gopher-lua's code generator is wrong, in a way that repair cannot see.
const MaxList = 25_500

// syntax checks the limits of a syntax tree. It must run before any other walk, which could exhaust the stack.
type syntax struct {
	name      string
	depth     int
	constants map[string]bool // of the present function
}

// tooComplex is what fail panics with; checkSyntax recovers it.
type tooComplex struct{ error }

// checkSyntax returns an error for a tree that would take long to compile.
func checkSyntax(name string, tree []ast.Stmt) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case tooComplex:
			err = v.error
		default:
			panic(v)
		}
	}()
	s := &syntax{name: name, constants: map[string]bool{}}
	s.block(tree)
	return nil
}

func (s *syntax) fail(at ast.PositionHolder, hint, format string, a ...any) {
	err := classify.New(classify.ScriptLimit, "%s:%d: "+format, append([]any{s.name, at.Line()}, a...)...)
	panic(tooComplex{classify.WithHint(err, "%s", hint)})
}

// deeper counts a level of nesting until leave is called.
func (s *syntax) deeper(at ast.PositionHolder) (leave func()) {
	if s.depth++; s.depth > MaxSyntax {
		s.fail(at, "split it by local variables or functions", "more than %d expressions or blocks inside each other", MaxSyntax)
	}
	return func() { s.depth-- }
}

// constant counts a name, a text or a number. A prefix keeps texts and numbers apart.
func (s *syntax) constant(at ast.PositionHolder, c string) {
	if s.constants[c] = true; len(s.constants) > MaxConstants {
		s.fail(at, "split a large table over several functions that each return a part of it", "more than %d different names, texts and numbers in one function", MaxConstants)
	}
}

// list refuses a long table constructor that also has names, or ends with several values.
func (s *syntax) list(x *ast.TableExpr) {
	n := 0
	for _, f := range x.Fields {
		if f.Key == nil {
			n++
		}
	}
	if n <= MaxList {
		return
	}
	named := n < len(x.Fields)
	switch x.Fields[len(x.Fields)-1].Value.(type) {
	case *ast.FuncCallExpr, *ast.Comma3Expr:
		named = true
	}
	if named {
		s.fail(x, "split it", "a table constructor of more than %d values with names, or with a call at the end", MaxList)
	}
}

func (s *syntax) block(stmts []ast.Stmt) {
	for _, x := range stmts {
		s.stmt(x)
	}
}

func (s *syntax) stmt(x ast.Stmt) {
	defer s.deeper(x)()
	for {
		exprs, blocks, next := parts(x)
		for _, e := range exprs {
			s.expr(e)
		}
		for _, b := range blocks {
			s.block(b)
		}
		if next == nil {
			return
		}
		x = next // an elseif is on the level of its if
	}
}

func (s *syntax) expr(e ast.Expr) {
	if e == nil {
		return
	}
	defer s.deeper(e)()
	switch x := e.(type) {
	case *ast.NumberExpr:
		s.constant(x, "n"+x.Value)
	case *ast.StringExpr:
		s.constant(x, "s"+x.Value)
	case *ast.IdentExpr:
		s.constant(x, "s"+x.Value)
	case *ast.FuncCallExpr:
		s.constant(x, "s"+x.Method)
	case *ast.TableExpr:
		s.list(x)
	case *ast.FunctionExpr:
		outer := s.constants
		s.constants = map[string]bool{}
		s.block(x.Stmts)
		s.constants = outer
	}
	for _, inner := range luatree.Children(e) {
		s.expr(inner)
	}
}

// parts returns the expressions and blocks of a statement, and the elseif of an if.
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
