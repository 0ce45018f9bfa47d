package check

import (
	"fmt"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/bindings/internal/option"
)

// callSignature checks a call of a function of flashlua, and returns what is known of its results.
func (c *checker) callSignature(i invocation) []value {
	f := i.callee.sig
	if !c.checkObject(&i) {
		c.shareAll(i)
		return []value{unknown}
	}
	c.checkProgramOnly(f, i)
	c.useHandle(i)
	if f.name == "function" {
		c.loseHandles()
	}
	c.checkOptions(i)
	all := append([]*signature{f}, readStub().functions[f.name]...)
	if len(all) > 1 {
		all = all[1:] // it stands in the list, too
	}
	var fit []*signature
	for _, o := range all {
		if c.misfit(o, i, nil) == "" {
			fit = append(fit, o)
		}
	}
	if o := chosen(fit, i); o != nil {
		fit = []*signature{o}
	}
	if len(fit) == 0 {
		c.misfit(all[0], i, c)
		fit = all[:1]
	}
	for _, o := range fit {
		c.callbacks(o, i)
	}
	results := c.results(fit[0], i)
	for _, o := range fit[1:] {
		other := c.results(o, i)
		for n := range results {
			if n >= len(other) {
				results[n] = unknown
			} else {
				c.merge(&results[n], other[n])
			}
		}
	}
	return results
}

// chosen returns the overload that a constant among the arguments chooses, nil if none does.
func chosen(fit []*signature, i invocation) *signature {
	for _, f := range fit {
		for n, p := range f.params[:min(len(f.params), len(i.args))] {
			if text, ok := i.args[n].is.(string); ok && !p.optional && p.typ == `"`+text+`"` {
				return f
			}
		}
	}
	return nil
}

// checkObject reports a method that is called without its object, and a function that is called with one. It takes the
// object of a method from the arguments.
func (c *checker) checkObject(i *invocation) bool {
	f := i.callee.sig
	switch {
	case f.name == "function":
		if i.self != nil {
			i.args, i.exprs = append([]value{*i.self}, i.args...), append([]ast.Expr{i.at.Receiver}, i.exprs...)
		}
		return true
	case f.method == (i.self != nil):
		return true
	case i.self != nil:
		c.report(i.at.Line(), i.name, "bad-call", "%s is called with a dot, not with a colon: %s", f.short(), strings.Replace(callOf(f), "write "+f.object(), "write "+dotted(i.at.Receiver, f), 1))
		return false
	}
	if len(i.args) > 0 && (i.args[0].any || i.args[0].class == f.object()) {
		i.args, i.exprs = i.args[1:], i.exprs[min(1, len(i.exprs)):]
		return true
	}
	if len(i.args) > 0 || !i.open {
		c.report(i.at.Line(), cmpName(i.name, f), "bad-call", "%s is a method of the %s: %s", f.short(), f.object(), callOf(f))
	}
	return false
}

func cmpName(name string, f *signature) string {
	if name == "" {
		return memberName(f)
	}
	return name
}

// dotted returns the name before the dot of a function that is called with a colon.
func dotted(receiver ast.Expr, f *signature) string {
	if name := nameOf(receiver); name != "" && !strings.Contains(f.name, name+".") {
		return name + "." + memberName(f)
	}
	return f.name
}

// misfit returns what is wrong with the arguments of a call, "" if nothing is known to be wrong. It reports it to to,
// if that is not nil.
func (c *checker) misfit(f *signature, i invocation, to *checker) string {
	report := func(line int, word, rule, format string, a ...any) string {
		text := fmt.Sprintf(format, a...)
		if to != nil {
			to.report(line, word, rule, "%s", text)
		}
		return text
	}
	if f.name == "function" { // Lua fills in nil, and ignores what is too much
		return ""
	}
	if given := len(i.args); given < f.required() && !i.open {
		p := f.params[given]
		return report(i.at.Line(), cmpName(i.name, f), "bad-argument", "%s: argument %d, the %s, is missing", f.short(), given+1, p.name)
	}
	for n, v := range i.args {
		if n >= len(f.params) {
			if f.variadic || !v.known {
				break
			}
			return report(i.at.Line(), cmpName(i.name, f), "bad-argument", "%s takes %s, not %d", f.short(), count(len(f.params)), len(i.args))
		}
		if wrong, rule := c.mismatch(f.params[n], v); wrong != "" {
			word, line := cmpName(i.name, f), i.at.Line()
			if e := argumentOf(i.exprs, n); e != nil {
				line = e.Line()
				if s, ok := stringOf(e); ok {
					word = s
				}
			}
			if k := c.swapped(f, i, n); k >= 0 {
				return report(line, word, "bad-argument", "%s: arguments %d and %d are in the wrong order: %s", f.short(), min(n, k)+1, max(n, k)+1, f.usage())
			}
			return report(line, word, rule, "%s: argument %d, the %s, %s", f.short(), n+1, f.params[n].name, wrong)
		}
	}
	return ""
}

// swapped returns the argument that would fit in the place of argument n, if that one would fit in its place. It
// returns -1 if there is none.
func (c *checker) swapped(f *signature, i invocation, n int) int {
	for k := range min(len(i.args), len(f.params)) {
		a, _ := c.mismatch(f.params[n], i.args[k])
		b, _ := c.mismatch(f.params[k], i.args[n])
		if k != n && a == "" && b == "" && i.args[k].known && i.args[n].known {
			return k
		}
	}
	return -1
}

func count(n int) string {
	switch n {
	case 0:
		return "no arguments"
	case 1:
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", n)
}

// mismatch returns why a parameter does not take a value, and the rule; "" if it is not sure.
func (c *checker) mismatch(p param, v value) (wrong, rule string) {
	if !v.known {
		return "", ""
	}
	for _, typ := range alternatives(p.typ) {
		text, r := mismatchType(typ, v)
		if text == "" {
			return "", ""
		}
		if wrong == "" || r == "bad-duration" {
			wrong, rule = text, r
		}
	}
	return wrong, rule
}

func mismatchType(typ string, v value) (wrong, rule string) {
	const other = "bad-argument"
	switch {
	case typ == "nil":
		return "must not be given", other
	case strings.HasPrefix(typ, `"`):
		if text, ok := v.is.(string); ok && `"`+text+`"` != typ || v.literal != "string" && v.literal != "" || v.class != "" {
			return "must be " + typ, other
		}
		return "", ""
	case isKind(option.Kind(typ)):
		return mismatchKind(option.Kind(typ), v)
	case typ == "function" || strings.HasPrefix(typ, "fun("):
		if v.literal != "" || v.class != "" || v.module != "" || v.table != nil {
			return "must be a function, not " + v.describe(), other
		}
	case typ == "table" || strings.HasPrefix(typ, "table<") || strings.HasPrefix(typ, "{") || strings.HasSuffix(typ, "[]") || strings.HasSuffix(typ, "_options"):
		if v.literal != "" || v.sig != nil || v.own != nil {
			return "must be a table, not " + v.describe(), other
		}
	case strings.HasPrefix(typ, "flashlua."):
		class := strings.TrimPrefix(typ, "flashlua.")
		if v.literal != "" || v.own != nil || v.sig != nil || (v.table != nil || v.class != "" && v.class != class) && !writable(class) {
			return fmt.Sprintf("must be %s, not %s", ofClass(class), v.describe()), other
		}
	}
	return "", ""
}

// isKind reports whether a type in the stub is a kind of option.
func isKind(k option.Kind) bool {
	switch k {
	case option.String, option.Number, option.Integer, option.Boolean, option.Duration, option.Pause, option.Size, option.PowerState, option.LoadWay, option.StationWay:
		return true
	}
	return false
}

// mismatchKind returns why a kind of option does not take a value.
func mismatchKind(k option.Kind, v value) (wrong, rule string) {
	rule = "bad-argument"
	if k == option.Duration || k == option.Pause {
		rule = "bad-duration"
	}
	given, ok := v.example(k)
	if !ok {
		return "", ""
	}
	if k == option.Integer { // an argument may be negative
		if _, isNumber := given.(float64); isNumber {
			return "", ""
		}
	}
	if _, err := k.Parse(given); err != nil {
		return err.Error(), rule
	}
	return "", ""
}

// example returns a value for option.Kind.Parse: the value, or if only its type is known, one that is taken if any of
// that type is.
func (v value) example(k option.Kind) (any, bool) {
	switch {
	case v.is != nil:
		return v.is, true
	case v.literal == "number":
		return 1.0, true
	case v.literal == "boolean":
		return true, true
	case v.literal == "string":
		return "", k == option.Number || k == option.Integer || k == option.Boolean
	case v.table != nil || v.items != "":
		return option.Other("table"), true
	case v.own != nil || v.sig != nil:
		return option.Other("function"), true
	case v.class != "" || v.module != "":
		return option.Other("userdata"), true
	}
	return nil, false
}

// describe returns what a value is, for messages.
func (v value) describe() string {
	switch {
	case v.class != "":
		return ofClass(v.class)
	case v.module != "":
		return "the module " + v.module
	case v.literal != "":
		return "a " + v.literal
	case v.own != nil || v.sig != nil:
		return "a function"
	}
	return "a table"
}

// callbacks notes the arguments that flashlua calls functions of the script with.
func (c *checker) callbacks(f *signature, i invocation) {
	for n, v := range i.args {
		var called *signature
		if n < len(f.params) {
			called = callbackType(f.params[n].typ)
		}
		if called == nil || v.own == nil {
			switch {
			case v.table != nil && n < len(f.params) && c.tableCallbacks(f.params[n].typ, v.table):
			case !isOptions(f, n):
				c.share(v)
			}
			continue
		}
		c.callback(v.own, called)
	}
	if i.self != nil {
		c.share(*i.self)
	}
}

// callback notes that flashlua calls a function.
func (c *checker) callback(f *function, called *signature) {
	c.function.calls[f] = true
	var args []value
	for _, p := range called.params {
		args = append(args, ofType(p.typ))
	}
	c.bind(f, args, called.variadic)
}

// tableCallbacks notes that flashlua calls the functions of a table, if the stub has its type.
func (c *checker) tableCallbacks(typ string, t *table) bool {
	for _, a := range alternatives(typ) {
		class := readStub().classes[strings.TrimPrefix(a, "flashlua.")]
		if class == nil {
			continue
		}
		for name, field := range t.fields {
			if called := callbackType(class.fields[name]); field.own != nil && called != nil {
				c.callback(field.own, called)
			} else {
				c.share(field)
			}
		}
		return true
	}
	return false
}

// callbackType returns the function type among a parameter's types.
func callbackType(typ string) *signature {
	for _, t := range alternatives(typ) {
		if f := functionType(t); f != nil {
			return f
		}
	}
	return nil
}

// isOptions reports whether an argument is a table of options. Its functions are called in ways that the stub has.
func isOptions(f *signature, n int) bool {
	d, ok := option.Of(f.name)
	return ok && d.Arg == n+1
}

// results returns what is known of the results of a call. A result of the generic type T is that of the callback.
func (c *checker) results(f *signature, i invocation) (all []value) {
	for n, typ := range f.results {
		if !generic.MatchString(typ) {
			all = append(all, ofType(typ))
			continue
		}
		v := unknown
		for k, p := range f.params {
			if called := callbackType(p.typ); called != nil && len(called.results) > 0 && strings.TrimSuffix(called.results[0], "?") == strings.TrimSuffix(typ, "?") && k < len(i.args) && i.args[k].own != nil && n < len(i.args[k].own.results) {
				v = i.args[k].own.results[n]
			}
		}
		all = append(all, v)
	}
	return all
}
