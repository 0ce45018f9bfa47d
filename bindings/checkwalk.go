package bindings

import (
	"maps"
	"slices"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

// block walks statements with the names that are visible in them.
func (c *checker) block(stmts []ast.Stmt, n *names) {
	inner := &names{outer: n}
	for _, s := range stmts {
		c.stmt(s, inner)
	}
}

func (c *checker) stmt(s ast.Stmt, n *names) {
	with := func(extra ...string) *names { return &names{outer: n, all: extra} }
	switch x := s.(type) {
	case *ast.AssignStmt:
		for i, e := range x.Lhs {
			if get, ok := e.(*ast.AttrGetExpr); ok && i < len(x.Rhs) {
				key, _ := text(get.Key)
				c.objects.assign(get.Object, key, x.Line())
				if hook, ok := x.Rhs[i].(*ast.FunctionExpr); ok {
					c.hook(key, hook)
				}
			}
			if id, ok := e.(*ast.IdentExpr); ok {
				c.objects.bindAll([]string{id.Value}, x.Rhs[min(i, len(x.Rhs)):])
			}
		}
		c.exprs(x.Rhs, n)
		c.exprs(x.Lhs, n)
	case *ast.LocalAssignStmt:
		if len(x.Exprs) == 1 && len(x.Names) == 1 { // local function f may call itself
			if _, ok := x.Exprs[0].(*ast.FunctionExpr); ok {
				n.all = append(n.all, x.Names[0])
			}
		}
		c.exprs(x.Exprs, n)
		c.objects.bindAll(x.Names, x.Exprs)
		n.all = append(n.all, x.Names...)
	case *ast.FuncCallStmt:
		c.expr(x.Expr, n)
	case *ast.DoBlockStmt:
		c.block(x.Stmts, n)
	case *ast.WhileStmt:
		c.expr(x.Condition, n)
		c.block(x.Stmts, n)
	case *ast.RepeatStmt: // the condition sees the block's locals
		inner := with()
		for _, s := range x.Stmts {
			c.stmt(s, inner)
		}
		c.expr(x.Condition, inner)
	case *ast.IfStmt:
		c.expr(x.Condition, n)
		c.block(x.Then, n)
		c.block(x.Else, n)
	case *ast.NumberForStmt:
		c.exprs([]ast.Expr{x.Init, x.Limit, x.Step}, n)
		c.objects.bind(x.Name, "")
		c.block(x.Stmts, with(x.Name))
	case *ast.GenericForStmt:
		c.exprs(x.Exprs, n)
		for _, name := range x.Names {
			c.objects.bind(name, "")
		}
		c.block(x.Stmts, with(x.Names...))
	case *ast.FuncDefStmt:
		if get, ok := x.Name.Func.(*ast.AttrGetExpr); ok {
			key, _ := text(get.Key)
			c.hook(key, x.Func)
		}
		if x.Name.Func != nil {
			c.expr(x.Name.Func, n)
		}
		inner := n
		if x.Name.Receiver != nil {
			c.expr(x.Name.Receiver, n)
			inner = with("self")
		}
		c.expr(x.Func, inner)
	case *ast.ReturnStmt:
		c.exprs(x.Exprs, n)
	}
}

func (c *checker) exprs(all []ast.Expr, n *names) {
	for _, e := range all {
		c.expr(e, n)
	}
}

func (c *checker) expr(e ast.Expr, n *names) {
	switch x := e.(type) {
	case nil:
	case *ast.IdentExpr:
		c.name(x, n)
	case *ast.FunctionExpr:
		if !c.hooked[x] {
			c.objects.params(x)
		}
		c.block(x.Stmts, &names{outer: n, all: x.ParList.Names})
	default:
		switch x := e.(type) {
		case *ast.TableExpr:
			for _, f := range x.Fields {
				if hook, ok := f.Value.(*ast.FunctionExpr); ok {
					key, _ := text(f.Key)
					c.hook(key, hook)
				}
			}
		case *ast.FuncCallExpr:
			c.call(x)
		case *ast.AttrGetExpr:
			c.get(x, n)
		}
		c.exprs(lua51.Children(e), n)
	}
}

// globalNames are the names that every script finds.
func (h *host) globalNames() []string {
	all := slices.Collect(maps.Keys(h.lazyGlobals))
	h.L.Get(lua.GlobalsIndex).(*lua.LTable).ForEach(func(k, _ lua.LValue) {
		if k.String() != lua51.ConcatName {
			all = append(all, k.String())
		}
	})
	slices.Sort(all)
	return slices.Compact(all)
}

// members are the functions of a module, nil if there is no such module.
func (h *host) members(name string) []string {
	globals := h.L.Get(lua.GlobalsIndex).(*lua.LTable)
	v := globals.RawGetString(name)
	if v == lua.LNil {
		if v = h.resolveGlobal(globals, name); v == nil {
			return nil
		}
	}
	t, ok := tableIn(v)
	if !ok || name == "_G" {
		return nil
	}
	var all []string
	t.ForEach(func(k, _ lua.LValue) { all = append(all, k.String()) })
	slices.Sort(all)
	return all
}
