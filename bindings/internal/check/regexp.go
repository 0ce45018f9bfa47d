package check

import "github.com/yuin/gopher-lua/ast"

// checkRegexps checks the constant texts of con:expect(texts, options), one or a list, if the options say that they are
// regular expressions.
func (c *checker) checkRegexps(texts, options ast.Expr) {
	if t, ok := options.(*ast.TableExpr); !ok || !hasTrue(t, "regexp") {
		return
	}
	all := []ast.Expr{texts}
	if list, ok := texts.(*ast.TableExpr); ok {
		all = nil
		for _, f := range list.Fields {
			all = append(all, f.Value)
		}
	}
	for _, e := range all {
		text, ok := stringOf(e)
		if !ok {
			continue
		}
		if err := c.in.CheckRegexp(text); err != nil {
			c.report(e.Line(), text, "bad-pattern", "%v", err)
		}
	}
}

// hasTrue reports whether a table constructor sets a key to true.
func hasTrue(t *ast.TableExpr, key string) bool {
	for _, f := range t.Fields {
		if name, ok := stringOf(f.Key); ok && name == key {
			_, yes := f.Value.(*ast.TrueExpr)
			return yes
		}
	}
	return false
}
