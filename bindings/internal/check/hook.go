package check

import (
	"time"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/classify"
)

// hookParams are the types of the parameters of a policy's functions.
var hookParams = map[string][]string{"flash": {"session", "job"}, "check": {"session"}, "target": {"session", "job"}, "classify": {"error"}, "backoff": {"", "error"}}

// hook checks a function that is assigned to a key, which may be one of the policy's.
func (c *checker) hook(key string, f *ast.FunctionExpr) {
	if key == "classify" || key == "backoff" {
		c.checkReturns(key, f.Stmts)
	}
	if kinds, ok := hookParams[key]; ok {
		c.hooks[f] = true
		c.objects.bindParams(f, kinds...)
	}
}

// checkReturns checks the constants that classify and backoff return.
func (c *checker) checkReturns(hook string, stmts []ast.Stmt) {
	for _, s := range stmts {
		switch x := s.(type) {
		case *ast.ReturnStmt:
			if len(x.Exprs) > 0 {
				c.checkReturn(hook, x.Exprs[0], x.Line())
			}
		case *ast.IfStmt:
			c.checkReturns(hook, x.Then)
			c.checkReturns(hook, x.Else)
		case *ast.DoBlockStmt:
			c.checkReturns(hook, x.Stmts)
		case *ast.WhileStmt:
			c.checkReturns(hook, x.Stmts)
		case *ast.NumberForStmt:
			c.checkReturns(hook, x.Stmts)
		case *ast.GenericForStmt:
			c.checkReturns(hook, x.Stmts)
		}
	}
}

func (c *checker) checkReturn(hook string, e ast.Expr, line int) {
	answer, isText := stringOf(e)
	number, isNumber := e.(*ast.NumberExpr)
	switch {
	case hook == "backoff" && isNumber:
		c.report(line, number.Value, "bad-answer", `backoff returns a duration with its unit, "30s", or next(n, err), not a number`)
	case hook == "classify" && isText && answer != classify.Retry.String() && answer != classify.Fatal.String():
		c.report(line, answer, "bad-answer", `classify returns "retry", "fatal" or next(err), not %q`, answer)
	case hook == "backoff" && isText:
		if _, err := time.ParseDuration(answer); err != nil {
			c.report(line, answer, "bad-answer", `backoff returns a duration with its unit, "30s", or next(n, err), not %q`, answer)
		}
	}
}
