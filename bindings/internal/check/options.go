package check

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/classify/suggest"
)

// checkOptions checks the table of options of a call of a known function.
func (c *checker) checkOptions(i invocation) {
	name := i.callee.global
	if i.callee.sig != nil {
		name = i.callee.sig.name
	}
	for _, f := range c.in.Functions {
		if f.Name == name {
			c.checkTable(i, []option.Function{f}, true)
		}
	}
}

// guess checks the options of a call of an unknown object's method. Only flashlua's methods have that name.
func (c *checker) guess(i invocation) {
	if i.callee.global != "" {
		c.checkOptions(i)
		return
	}
	if i.self == nil || c.dynamic || c.defined[i.name] || i.self.known && i.self.class == "" {
		return
	}
	var all []option.Function
	for _, f := range c.in.Functions {
		if strings.HasSuffix(f.Name, ":"+i.name) {
			all = append(all, f)
		}
	}
	if len(all) > 0 {
		c.checkTable(i, all, false)
	}
}

// checkTable checks a table of options that one of these functions takes. A table that the call does not write out is
// only checked if nothing else can have changed it.
func (c *checker) checkTable(i invocation, functions []option.Function, sure bool) {
	n := functions[0].Arg - 1
	for _, f := range functions {
		if f.Arg-1 != n {
			return
		}
	}
	if n >= len(i.args) || i.args[n].table == nil {
		return
	}
	t := i.args[n].table
	written := argumentOf(i.exprs, n) == ast.Expr(t.expr)
	if !written && (t.shared || t.edited) {
		return
	}
	name := functions[0].Name
	if strings.Contains(name, ":") {
		name = functions[0].Method()
	}
	given, known := c.checkFields(t, name, functions)
	if !sure || !known || !written { // an unknown option may be the missing one, mistyped
		return
	}
	for _, o := range functions[0].Options {
		if o.Required && !slices.Contains(given, o.Name) {
			c.report(t.expr.Line(), "{", "bad-option", "%s: option %s is required", name, o.Name)
		}
	}
}

// checkFields checks each field of a table of options. It returns their names, and whether all of them are known.
func (c *checker) checkFields(t *table, function string, functions []option.Function) (given []string, allKnown bool) {
	var known []string
	for _, f := range functions {
		known = append(known, f.Names()...)
	}
	allKnown = true
	for _, f := range t.expr.Fields {
		name, ok := stringOf(f.Key)
		if !ok {
			allKnown = allKnown && f.Key == nil
			continue
		}
		given = append(given, name)
		if !slices.Contains(known, name) {
			c.report(f.Value.Line(), name, "unknown-option", "%s has no option %s%s", function, name, c.otherPlace(name, known))
			allKnown = false
			continue
		}
		if o, ok := kindIn(functions, name); ok {
			c.checkValue(o, f.Value, t.fields[name])
		}
		c.checkTargetName(functions, name, f.Value)
	}
	return given, allKnown
}

// targetOptions are the options that are names of the policy's targets, by the function that has them.
var targetOptions = map[string]string{
	"shell:write": "target", "shell:verify": "target", "uboot:write": "target", "uboot:verify": "target", "session:step": "destroys",
}

// checkTargetName reports an option that is the name of a target, and none of the policy's.
func (c *checker) checkTargetName(functions []option.Function, name string, e ast.Expr) {
	for _, f := range functions {
		if targetOptions[f.Name] != name {
			return
		}
	}
	text, ok := stringOf(e)
	p := c.loaded.Policy
	if !ok || p == nil || c.loaded.wrong("targets") || len(p.Variants) > 0 { // a variant may have others
		return
	}
	known := slices.Sorted(maps.Keys(p.Targets))
	if !slices.Contains(known, text) {
		c.report(e.Line(), text, "bad-option", "option %s: the policy has no target %q%s", name, text, suggest.Name(text, known))
	}
}

// otherPlace returns the functions that have an option, or else the options that a function has.
func (c *checker) otherPlace(name string, known []string) string {
	if near := suggest.Nearest(name, known); near != "" {
		return near
	}
	var others []string
	for _, f := range c.in.Functions {
		if _, has := f.Option(name); has && f.Name == "session:step" {
			return ", which is an option of s:step" + suggest.Name(name, known)
		} else if has {
			others = append(others, f.Name)
		}
	}
	if len(others) == 0 || len(others) > 3 {
		return suggest.Name(name, known)
	}
	return ", which is an option of " + strings.Join(others, ", ") + suggest.Name(name, known)
}

// kindIn returns the option of that name, if it is the same in all of the functions that have it.
func kindIn(functions []option.Function, name string) (found option.Option, ok bool) {
	for _, f := range functions {
		o, has := f.Option(name)
		if has && ok && o.Kind != found.Kind {
			return found, false
		}
		if has {
			found, ok = o, true
		}
	}
	return found, ok
}

// checkValue reports a value that an option does not take.
func (c *checker) checkValue(o option.Option, e ast.Expr, known value) {
	v, ok := literal(e)
	if !ok {
		if v, ok = known.example(o.Kind); !ok {
			return
		}
	}
	if _, err := o.Kind.Parse(v); err != nil {
		rule, at := "bad-option", o.Name
		if o.Kind == option.Duration || o.Kind == option.Pause {
			rule = "bad-duration"
		}
		if text, ok := e.(*ast.StringExpr); ok {
			at = text.Value
		}
		c.report(e.Line(), at, rule, "option %s %v", o.Name, err)
	}
}

// literal returns the value of an expression as option.Kind.Parse takes it, if the expression is a literal.
func literal(e ast.Expr) (any, bool) {
	switch x := e.(type) {
	case *ast.StringExpr:
		return x.Value, true
	case *ast.NumberExpr:
		n, err := strconv.ParseFloat(x.Value, 64)
		if err != nil {
			i, ierr := strconv.ParseInt(x.Value, 0, 64) // hexadecimal
			n, err = float64(i), ierr
		}
		return n, err == nil
	case *ast.UnaryMinusOpExpr:
		v, _ := literal(x.Expr)
		n, ok := v.(float64)
		return -n, ok
	case *ast.TrueExpr:
		return true, true
	case *ast.FalseExpr:
		return false, true
	case *ast.TableExpr:
		return option.Other("table"), true
	case *ast.FunctionExpr:
		return option.Other("function"), true
	}
	return nil, false
}
