package check

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/suggest"
)

// optionTable is a table of options that a call writes out.
type optionTable struct {
	table     *ast.TableExpr
	functions []option.Function // those that may be called: several where the type of the object is not known
	object    string            // name of the object whose method is called, "" if it has none
	kind      string            // type of an object without a name, "" if it is not known
}

// findOptions notes the table of options of a call, to be checked once the types of names are known. A function
// that pcall calls is called as well.
func (c *checker) findOptions(x *ast.FuncCallExpr, s *scope) {
	if x.Receiver != nil {
		id, _ := x.Receiver.(*ast.IdentExpr)
		object := ""
		if id != nil {
			object = id.Value
		}
		c.addOptions(x.Args, ":"+x.Method, object, c.objects.kindOf(x.Receiver))
		return
	}
	if name, ok := moduleFunction(x.Func, s); ok {
		c.addOptions(x.Args, name, "", "")
	}
	if id, ok := x.Func.(*ast.IdentExpr); ok && id.Value == "pcall" && len(x.Args) > 0 {
		if name, ok := moduleFunction(x.Args[0], s); ok {
			c.addOptions(x.Args[1:], name, "", "")
		}
	}
}

// moduleFunction returns "module.function" of an expression that names a global module's function.
func moduleFunction(e ast.Expr, s *scope) (string, bool) {
	get, ok := e.(*ast.AttrGetExpr)
	if !ok {
		return "", false
	}
	id, isName := get.Object.(*ast.IdentExpr)
	key, isConstant := stringOf(get.Key)
	if !isName || !isConstant || s.contains(id.Value) {
		return "", false
	}
	return id.Value + "." + key, true
}

// addOptions notes the table among the arguments of a function: "module.function", or ":method" of an object.
func (c *checker) addOptions(args []ast.Expr, name, object, kind string) {
	for _, f := range c.in.Functions {
		if f.Name != name && !(name[0] == ':' && strings.HasSuffix(f.Name, name)) || f.Arg > len(args) {
			continue
		}
		t, ok := args[f.Arg-1].(*ast.TableExpr)
		if !ok {
			continue
		}
		last := len(c.optionTables) - 1
		if last < 0 || c.optionTables[last].table != t {
			c.optionTables, last = append(c.optionTables, optionTable{table: t, object: object, kind: kind}), last+1
		}
		c.optionTables[last].functions = append(c.optionTables[last].functions, f)
	}
}

// checkOptions reports unknown options, and values that an option does not take.
func (c *checker) checkOptions() {
	for _, t := range c.optionTables {
		kind := cmp.Or(t.kind, c.objects.kinds[t.object])
		functions := slices.DeleteFunc(slices.Clone(t.functions), func(f option.Function) bool {
			return kind != "" && f.Name != kind+":"+f.Method()
		})
		if len(functions) == 0 { // the object has no such method, or one without options
			continue
		}
		name := functions[0].Name
		if strings.Contains(name, ":") {
			name = functions[0].Method()
		}
		given, known := c.checkFields(t.table, name, functions)
		sure := len(functions) == 1 && (kind != "" || !strings.Contains(functions[0].Name, ":"))
		if !sure || !known { // an unknown option may be the missing one, mistyped
			continue
		}
		for _, o := range functions[0].Options {
			if o.Required && !slices.Contains(given, o.Name) {
				c.report(t.table.Line(), "{", "bad-option", "%s: option %s is required", name, o.Name)
			}
		}
	}
}

// checkFields checks each field of a table of options. It returns their names, and whether all of them are known.
func (c *checker) checkFields(t *ast.TableExpr, function string, functions []option.Function) (given []string, allKnown bool) {
	var known []string
	for _, f := range functions {
		known = append(known, f.Names()...)
	}
	allKnown = true
	for _, f := range t.Fields {
		name, ok := stringOf(f.Key)
		if !ok {
			continue
		}
		given = append(given, name)
		if !slices.Contains(known, name) {
			c.report(f.Value.Line(), name, "unknown-option", "%s has no option %s%s", function, name, suggest.Name(name, known))
			allKnown = false
			continue
		}
		if o, ok := kindIn(functions, name); ok {
			c.checkValue(o, f.Value)
		}
	}
	return given, allKnown
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

// checkValue reports a literal that an option does not take.
func (c *checker) checkValue(o option.Option, e ast.Expr) {
	v, ok := literal(e)
	if !ok {
		return
	}
	if _, err := o.Kind.Parse(v); err != nil {
		rule, at := "bad-option", o.Name
		if o.Kind == option.Duration || o.Kind == option.Pause {
			rule = "bad-duration"
		}
		if text, ok := v.(string); ok {
			at = text
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
