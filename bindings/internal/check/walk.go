package check

import (
	"maps"
	"slices"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/classify/suggest"
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
		c.local(x, s)
	case *ast.FuncCallStmt:
		c.eval(x.Expr, s)
	case *ast.FuncDefStmt:
		c.functionDefinition(x, s)
	case *ast.ReturnStmt:
		values, open := c.list(x.Exprs, s)
		for i, v := range values {
			if i < len(c.function.results) {
				c.merge(&c.function.results[i], v)
			} else {
				c.share(v)
			}
		}
		for i := len(values); open && i < len(c.function.results); i++ {
			c.merge(&c.function.results[i], unknown)
		}
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
		c.eval(x.Condition, s)
		c.branch(func() { c.block(x.Stmts, s) })
	case *ast.RepeatStmt: // the condition sees the block's locals
		inner := &scope{outer: s}
		c.branch(func() {
			for _, stmt := range x.Stmts {
				c.stmt(stmt, inner)
			}
			c.eval(x.Condition, inner)
		})
	case *ast.IfStmt:
		c.eval(x.Condition, s)
		otherwise := maps.Clone(c.handles)
		c.branch(func() { c.block(x.Then, s) })
		then := c.handles
		c.handles = otherwise
		c.branch(func() { c.block(x.Else, s) })
		maps.DeleteFunc(c.handles, func(at place, h handle) bool { return then[at].number != h.number })
	case *ast.NumberForStmt:
		for _, e := range []ast.Expr{x.Init, x.Limit, x.Step} {
			c.eval(e, s)
		}
		inner := &scope{outer: s}
		v := c.declare(x, 0, x.Name)
		c.assign(v, constant("number", nil))
		inner.add(v)
		c.branch(func() { c.block(x.Stmts, inner) })
	case *ast.GenericForStmt:
		values, _ := c.list(x.Exprs, s)
		for _, v := range values {
			c.share(v)
		}
		inner := &scope{outer: s}
		for i, name := range x.Names {
			v := c.declare(x, i, name)
			c.assign(v, unknown)
			inner.add(v)
		}
		c.branch(func() { c.block(x.Stmts, inner) })
	case *ast.LabelStmt: // a goto may come from anywhere
		clear(c.handles)
	}
}

func (c *checker) local(x *ast.LocalAssignStmt, s *scope) {
	var variables []*variable
	for i, name := range x.Names {
		variables = append(variables, c.declare(x, i, name))
	}
	if len(x.Exprs) == 1 && len(x.Names) == 1 { // local function f may call itself
		if _, ok := x.Exprs[0].(*ast.FunctionExpr); ok {
			s.add(variables[0])
		}
	}
	for i, v := range c.values(x.Exprs, len(x.Names), s) {
		c.assign(variables[i], v)
	}
	for _, v := range variables {
		s.add(v)
	}
}

func (c *checker) assignment(x *ast.AssignStmt, s *scope) {
	for i, e := range x.Lhs { // a function that is assigned to a key may be one of the policy's
		if f, ok := argumentOf(x.Rhs, i).(*ast.FunctionExpr); ok {
			c.named(e, f, s)
		}
	}
	values := c.values(x.Rhs, len(x.Lhs), s)
	for i, e := range x.Lhs {
		switch to := e.(type) {
		case *ast.IdentExpr:
			if v := c.name(to, s); v != nil {
				c.assign(v, values[i])
				continue
			}
			c.share(values[i])
		case *ast.AttrGetExpr:
			c.assignMember(to, values[i], s)
		}
	}
}

func (c *checker) functionDefinition(x *ast.FuncDefStmt, s *scope) {
	f := c.functionOf(x.Func)
	if x.Name.Receiver != nil {
		c.defined[x.Name.Method] = true
		f.self = c.declare(x.Func, -1, "self")
		receiver := c.eval(x.Name.Receiver, s)
		c.merge(&f.self.value, receiver)
		c.enter(f, s)
		c.setField(receiver, x.Name.Method, value{known: true, own: f})
		return
	}
	if id, ok := x.Name.Func.(*ast.IdentExpr); ok {
		v := c.name(id, s)
		c.enter(f, s)
		if v != nil {
			c.assign(v, value{known: true, own: f})
		} else {
			c.share(value{known: true, own: f})
		}
		return
	}
	c.named(x.Name.Func, x.Func, s)
	c.enter(f, s)
	if get, ok := x.Name.Func.(*ast.AttrGetExpr); ok {
		c.assignMember(get, value{known: true, own: f}, s)
	}
}

// values returns the values of expressions, as many as there are places for them.
func (c *checker) values(exprs []ast.Expr, places int, s *scope) []value {
	values, open := c.list(exprs, s)
	for len(values) < places {
		if open {
			values = append(values, unknown)
		} else {
			values = append(values, value{})
		}
	}
	for _, v := range values[places:] {
		c.share(v)
	}
	return values[:places]
}

// list returns the values of expressions, and whether the last one may have more.
func (c *checker) list(exprs []ast.Expr, s *scope) (all []value, open bool) {
	for i, e := range exprs {
		last := i == len(exprs)-1
		call, ok := e.(*ast.FuncCallExpr)
		if ok && last && !call.AdjustRet {
			results, more := c.call(call, s)
			return append(all, results...), more
		}
		if dots, ok := e.(*ast.Comma3Expr); ok && last && !dots.AdjustRet {
			return all, true
		}
		all = append(all, c.eval(e, s))
	}
	return all, false
}

// name returns the variable of a name, nil for a global one. It reports a name that is neither.
func (c *checker) name(x *ast.IdentExpr, s *scope) *variable {
	v := s.find(x.Value)
	if v == nil && !slices.Contains(c.in.Globals, x.Value) {
		known := append(s.visible(), c.in.Globals...)
		slices.Sort(known)
		c.report(x.Line(), x.Value, "undeclared-global", "undeclared global %s%s", x.Value, suggest.Nearest(x.Value, known))
	}
	return v
}
