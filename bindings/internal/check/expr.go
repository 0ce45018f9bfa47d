package check

import (
	"github.com/yuin/gopher-lua/ast"
)

// eval checks an expression, and returns what is known of its value.
func (c *checker) eval(e ast.Expr, s *scope) value {
	switch x := e.(type) {
	case nil, *ast.NilExpr:
		return value{}
	case *ast.IdentExpr:
		return c.identifier(x, s)
	case *ast.FunctionExpr:
		f := c.functionOf(x)
		c.enter(f, s)
		return value{known: true, own: f}
	case *ast.TableExpr:
		return c.table(x, s)
	case *ast.FuncCallExpr:
		results, open := c.call(x, s)
		switch {
		case len(results) > 0:
			return results[0]
		case open:
			return unknown
		}
		return value{}
	case *ast.AttrGetExpr:
		return c.member(x, s)
	case *ast.Comma3Expr:
		return unknown
	}
	return c.operation(e, s)
}

func (c *checker) identifier(x *ast.IdentExpr, s *scope) value {
	switch v := c.name(x, s); {
	case v != nil:
		return v.value
	case c.in.Members(x.Value) != nil:
		return value{known: true, module: x.Value}
	}
	return value{known: true, global: x.Value}
}

// table returns the value of a table constructor.
func (c *checker) table(x *ast.TableExpr, s *scope) value {
	t := c.tables[x]
	if t == nil {
		t = &table{expr: x, fields: map[string]value{}}
		c.tables[x] = t
	}
	v := value{known: true, table: t}
	for _, f := range x.Fields {
		key, constant := stringOf(f.Key)
		if hook, ok := f.Value.(*ast.FunctionExpr); ok && constant {
			c.keyed(key, hook, c.policyTables[x])
		}
		c.eval(f.Key, s)
		content := c.eval(f.Value, s)
		if f.Key != nil && constant {
			c.setField(v, key, content)
		} else {
			c.share(content)
		}
	}
	return v
}

// operation returns the value of an operator's expression.
func (c *checker) operation(e ast.Expr, s *scope) value {
	switch x := e.(type) {
	case *ast.LogicalOpExpr:
		a := c.eval(x.Lhs, s)
		var b, v value
		c.branch(func() { b = c.eval(x.Rhs, s) })
		if x.Operator == "and" && (a.class != "" || a.table != nil || a.own != nil || a.sig != nil) {
			v = b
			c.share(a)
			return v
		}
		c.merge(&v, a)
		c.merge(&v, b)
		if x.Operator == "and" && v.literal != "" { // the first operand may be false
			return unknown
		}
		return v
	case *ast.RelationalOpExpr:
		c.eval(x.Lhs, s)
		c.eval(x.Rhs, s)
		return constant("boolean", nil)
	case *ast.StringConcatOpExpr:
		return c.textOrNumber("string", c.content(x.Lhs, s), c.content(x.Rhs, s))
	case *ast.ArithmeticOpExpr:
		return c.textOrNumber("number", c.content(x.Lhs, s), c.content(x.Rhs, s))
	case *ast.UnaryMinusOpExpr:
		v := c.content(x.Expr, s)
		if n, ok := v.is.(float64); ok {
			return constant("number", -n)
		}
		return c.textOrNumber("number", v, v)
	case *ast.UnaryNotOpExpr:
		c.eval(x.Expr, s)
		return constant("boolean", nil)
	case *ast.UnaryLenOpExpr:
		return c.textOrNumber("number", c.eval(x.Expr, s), constant("string", nil))
	}
	if v, ok := literal(e); ok {
		switch v.(type) {
		case string:
			return constant("string", v)
		case float64:
			return constant("number", v)
		case bool:
			return constant("boolean", v)
		}
	}
	return unknown
}

// content is eval for operators that take texts and numbers. A function of flashlua is none.
func (c *checker) content(e ast.Expr, s *scope) value {
	v := c.eval(e, s)
	if f := v.sig; f != nil && f.name != "function" {
		c.report(e.Line(), memberName(f), "bad-call", "%s is a function: %s", f.short(), callOf(f))
	}
	return v
}

// textOrNumber returns the value of an operator whose operands are texts or numbers, which have no metamethods.
func (c *checker) textOrNumber(literal string, a, b value) value {
	if (a.literal == "string" || a.literal == "number") && (b.literal == "string" || b.literal == "number") {
		return constant(literal, nil)
	}
	return unknown
}
