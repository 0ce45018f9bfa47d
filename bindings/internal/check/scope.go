package check

import (
	"maps"
	"slices"

	"github.com/yuin/gopher-lua/ast"
)

// scope is the local names of a block and of the blocks around it.
type scope struct {
	outer     *scope
	variables map[string]*variable
}

func (s *scope) find(name string) *variable {
	for ; s != nil; s = s.outer {
		if v := s.variables[name]; v != nil {
			return v
		}
	}
	return nil
}

func (s *scope) add(v *variable) {
	if s.variables == nil {
		s.variables = map[string]*variable{}
	}
	s.variables[v.name] = v
}

func (s *scope) visible() (all []string) {
	for ; s != nil; s = s.outer {
		all = slices.AppendSeq(all, maps.Keys(s.variables))
	}
	return all
}

// declaration is where a variable is declared: a statement or a function, and the position of its name there.
type declaration struct {
	in       any
	position int
}

// declare returns the variable of a declaration. It is the same one each time that the script is walked.
func (c *checker) declare(in any, position int, name string) *variable {
	at := declaration{in, position}
	if c.variables[at] == nil {
		c.variables[at] = &variable{name: name, function: c.function}
	}
	return c.variables[at]
}

// declareIn returns the variable of a function's parameter, counted from 0.
func (c *checker) declareIn(f *function, i int, name string) *variable {
	for len(f.params) <= i {
		n := len(f.params)
		v := c.declare(f.expr, n, f.expr.ParList.Names[n])
		v.function = f
		f.params = append(f.params, v)
	}
	return f.params[i]
}

// assign notes that a variable may have a value.
func (c *checker) assign(to *variable, v value) {
	if to.function != c.function {
		to.elsewhere = true
	}
	c.merge(&to.value, v)
	c.putHandle(place{in: to}, v)
}

// functionOf returns the record of a function of the script.
func (c *checker) functionOf(x *ast.FunctionExpr) *function {
	f := c.functions[x]
	if f == nil {
		f = &function{expr: x, file: c.file, hook: c.hooks[x], calls: map[*function]bool{}}
		c.functions[x] = f
		if f.hook != "" {
			c.bindHook(f)
		}
	}
	return f
}

// enter walks the body of a function.
func (c *checker) enter(f *function, s *scope) {
	outer := c.function
	c.function = f
	defer func() { c.function = outer }()
	inner := &scope{outer: s}
	if f.self != nil {
		inner.add(f.self)
	}
	for i, name := range f.expr.ParList.Names {
		inner.add(c.declareIn(f, i, name))
	}
	f.denied = nil
	if f.hook == "classify" || f.hook == "backoff" {
		c.checkReturns(f.hook, f.expr.Stmts)
	}
	walk := func() { c.block(f.expr.Stmts, inner) }
	switch {
	case !c.inline[f.expr]:
		c.apart(func() {
			for _, p := range f.params {
				c.putHandle(place{in: p}, p.value)
			}
			walk()
		})
	case returnsEarly(f.expr.Stmts, true):
		c.branch(walk)
	default:
		walk()
	}
}

// bind notes the arguments that a function is called with.
func (c *checker) bind(f *function, args []value, open bool) {
	for i, name := range f.expr.ParList.Names {
		p := c.declareIn(f, i, name)
		switch {
		case i < len(args):
			c.merge(&p.value, args[i])
		case open: // a call at the end of the arguments may return more
			c.merge(&p.value, unknown)
		}
	}
	for _, v := range args[min(len(f.params), len(args)):] {
		c.share(v)
	}
}
