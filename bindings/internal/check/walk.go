package check

import (
	"slices"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/bindings/internal/luatree"
	"github.com/flashlua/flashlua/bindings/internal/suggest"
)

// block checks statements in a scope of their own.
func (c *checker) block(stmts []ast.Stmt, s *scope) {
	inner := &scope{outer: s}
	for _, stmt := range stmts {
		c.stmt(stmt, inner)
	}
}

// stmt checks a statement. A local statement adds its names to s.
func (c *checker) stmt(stmt ast.Stmt, s *scope) {
	switch x := stmt.(type) {
	case *ast.AssignStmt:
		c.assignment(x, s)
	case *ast.LocalAssignStmt:
		if len(x.Exprs) == 1 && len(x.Names) == 1 { // local function f may call itself
			if _, ok := x.Exprs[0].(*ast.FunctionExpr); ok {
				s.names = append(s.names, x.Names[0])
			}
		}
		c.exprs(x.Exprs, s)
		c.objects.bindAll(x.Names, x.Exprs)
		s.names = append(s.names, x.Names...)
	case *ast.FuncCallStmt:
		c.expr(x.Expr, s)
	case *ast.FuncDefStmt:
		c.functionDefinition(x, s)
	case *ast.ReturnStmt:
		c.exprs(x.Exprs, s)
	default:
		c.control(stmt, s)
	}
}

// control checks a statement that has blocks in it.
func (c *checker) control(stmt ast.Stmt, s *scope) {
	switch x := stmt.(type) {
	case *ast.DoBlockStmt:
		c.block(x.Stmts, s)
	case *ast.WhileStmt:
		c.expr(x.Condition, s)
		c.block(x.Stmts, s)
	case *ast.RepeatStmt: // the condition sees the block's locals
		inner := &scope{outer: s}
		for _, stmt := range x.Stmts {
			c.stmt(stmt, inner)
		}
		c.expr(x.Condition, inner)
	case *ast.IfStmt:
		c.expr(x.Condition, s)
		c.block(x.Then, s)
		c.block(x.Else, s)
	case *ast.NumberForStmt:
		c.exprs([]ast.Expr{x.Init, x.Limit, x.Step}, s)
		c.objects.bind(x.Name, "")
		c.block(x.Stmts, &scope{s, []string{x.Name}})
	case *ast.GenericForStmt:
		c.exprs(x.Exprs, s)
		for _, name := range x.Names {
			c.objects.bind(name, "")
		}
		c.block(x.Stmts, &scope{s, x.Names})
	}
}

func (c *checker) assignment(x *ast.AssignStmt, s *scope) {
	for i, e := range x.Lhs {
		if get, ok := e.(*ast.AttrGetExpr); ok && i < len(x.Rhs) {
			key, _ := stringOf(get.Key)
			c.objects.assign(get.Object, key, x.Line())
			if hook, ok := x.Rhs[i].(*ast.FunctionExpr); ok {
				c.hook(key, hook)
			}
		}
		if id, ok := e.(*ast.IdentExpr); ok {
			c.objects.bindAll([]string{id.Value}, x.Rhs[min(i, len(x.Rhs)):])
		}
	}
	c.exprs(x.Rhs, s)
	c.exprs(x.Lhs, s)
}

func (c *checker) functionDefinition(x *ast.FuncDefStmt, s *scope) {
	if get, ok := x.Name.Func.(*ast.AttrGetExpr); ok {
		key, _ := stringOf(get.Key)
		c.hook(key, x.Func)
	}
	if x.Name.Func != nil {
		c.expr(x.Name.Func, s)
	}
	inner := s
	if x.Name.Receiver != nil {
		c.expr(x.Name.Receiver, s)
		inner = &scope{s, []string{"self"}}
	}
	c.expr(x.Func, inner)
}

func (c *checker) exprs(all []ast.Expr, s *scope) {
	for _, e := range all {
		c.expr(e, s)
	}
}

func (c *checker) expr(e ast.Expr, s *scope) {
	switch x := e.(type) {
	case nil:
		return
	case *ast.IdentExpr:
		c.name(x, s)
	case *ast.FunctionExpr:
		if !c.hooks[x] {
			c.objects.bindParams(x)
		}
		c.block(x.Stmts, &scope{s, x.ParList.Names})
	case *ast.TableExpr:
		for _, f := range x.Fields {
			if hook, ok := f.Value.(*ast.FunctionExpr); ok {
				key, _ := stringOf(f.Key)
				c.hook(key, hook)
			}
		}
	case *ast.FuncCallExpr:
		c.call(x, s)
	case *ast.AttrGetExpr:
		c.member(x, s)
	}
	c.exprs(luatree.Children(e), s)
}

// name reports a name that is neither a local nor a global.
func (c *checker) name(x *ast.IdentExpr, s *scope) {
	if !s.contains(x.Value) && !slices.Contains(c.in.Globals, x.Value) {
		known := append(s.visible(), c.in.Globals...)
		c.report(x.Line(), x.Value, "undeclared-global", "undeclared global %s%s", x.Value, suggest.Nearest(x.Value, known))
	}
}

// member reports a name that a module does not have, and notes the use of an object's member.
func (c *checker) member(x *ast.AttrGetExpr, s *scope) {
	key, ok := stringOf(x.Key)
	id, isName := x.Object.(*ast.IdentExpr)
	if !isName || s.contains(id.Value) {
		if id == nil || id.Value != "board" { // a function that is passed on, as in board.flash = seq.flash
			c.calls[key] = true
		}
		c.objects.use(x.Object, key, x.Line())
		return
	}
	if members := c.in.Members(id.Value); ok && members != nil && !slices.Contains(members, key) {
		c.report(x.Line(), key, "unknown-member", "%s has no %s%s", id.Value, key, suggest.Name(key, members))
	}
}
