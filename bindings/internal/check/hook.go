package check

import (
	"time"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/classify"
)

// Definition is where a function of the script is defined.
type Definition struct {
	File      string
	Line, End int // lines of its first and its last word
}

// findPolicyTables notes the tables in the value that a script returns, which may be a policy: a table, a name of one,
// or what a function makes of one.
func (c *checker) findPolicyTables(stmts []ast.Stmt) {
	if len(stmts) == 0 {
		return
	}
	end, ok := stmts[len(stmts)-1].(*ast.ReturnStmt)
	if !ok || len(end.Exprs) == 0 {
		return
	}
	names := map[string]bool{}
	c.policyValue(end.Exprs[0], names)
	for _, stmt := range stmts {
		x, ok := stmt.(*ast.LocalAssignStmt)
		for i := 0; ok && i < min(len(x.Names), len(x.Exprs)); i++ {
			if names[x.Names[i]] {
				c.policyValue(x.Exprs[i], map[string]bool{})
			}
		}
	}
	c.policyNames = names
}

func (c *checker) policyValue(e ast.Expr, names map[string]bool) {
	switch x := e.(type) {
	case *ast.TableExpr:
		c.policyTables[x] = true
	case *ast.IdentExpr:
		names[x.Value] = true
	case *ast.FuncCallExpr:
		for _, a := range x.Args {
			if _, nested := a.(*ast.FuncCallExpr); !nested {
				c.policyValue(a, names)
			}
		}
	}
}

// named notes a function that is assigned to a member.
func (c *checker) named(to ast.Expr, f *ast.FunctionExpr, s *scope) {
	if get, ok := to.(*ast.AttrGetExpr); ok {
		key, _ := stringOf(get.Key)
		name := nameOf(get.Object)
		c.keyed(key, f, c.policyNames[name] && c.file == c.files[0] && s.find(name) != nil)
	}
}

// keyed notes a function that is the value of a key. It is one of the policy's functions if the script does not load,
// and its table is the one that the script returns.
func (c *checker) keyed(key string, f *ast.FunctionExpr, ofPolicy bool) {
	if hookType(key) == nil {
		return
	}
	c.keys[f] = key
	if ofPolicy && c.loaded.Hooks == nil {
		c.hooks[f] = key
	}
}

// findHooks finds the policy's functions among those of the script, by where they are defined. Of several functions in
// the same lines, it is the one that is assigned to the key.
func (c *checker) findHooks() {
	at := map[Definition][]*ast.FunctionExpr{}
	for x, f := range c.functions {
		d := Definition{f.file.name, x.Line(), x.LastLine()}
		at[d] = append(at[d], x)
	}
	for key, d := range c.loaded.Hooks {
		if hookType(key) == nil {
			continue
		}
		for _, x := range at[d] {
			if len(at[d]) == 1 || c.keys[x] == key {
				c.hooks[x] = key
			}
		}
	}
}

// hookType returns how flashlua calls the function of a policy's key, nil if the key has none.
func hookType(key string) *signature { return callbackType(readStub().classes["policy"].fields[key]) }

// bindHook notes what flashlua calls a function of the policy with.
func (c *checker) bindHook(f *function) {
	called := hookType(f.hook)
	for i, name := range f.expr.ParList.Names {
		p := c.declareIn(f, i, name)
		if i < len(called.params) {
			c.merge(&p.value, ofType(called.params[i].typ))
		}
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
		case *ast.RepeatStmt:
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
