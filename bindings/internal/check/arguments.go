package check

import (
	"maps"
	"slices"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/bindings/internal/suggest"
	"github.com/flashlua/flashlua/engine"
)

// jobOfArgs returns the name before .args in an expression, "" if the expression is another one.
func jobOfArgs(e ast.Expr) string {
	get, ok := e.(*ast.AttrGetExpr)
	if !ok {
		return ""
	}
	id, ok := get.Object.(*ast.IdentExpr)
	if key, _ := stringOf(get.Key); !ok || key != "args" {
		return ""
	}
	return id.Value
}

// checkArguments reports uses of job.args.NAME where the policy declares no such argument, and assignments to it. The
// types of a step's parameters are not known, so a parameter that is called job counts as one.
func (c *checker) checkArguments(p *engine.Policy) {
	known := slices.Collect(maps.Keys(p.Args))
	for _, u := range c.objects.arguments {
		switch has := slices.Contains(known, u.member); {
		case c.objects.kinds[u.name] != "job" && u.name != "job" || u.member == "":
		case has && u.assigned:
			c.report(u.line, u.member, "read-only", "%s of %s.args cannot be set: scripts only read it", u.member, u.name)
		case !has && !u.assigned && len(known) == 0: // an assignment is a use, too
			c.report(u.line, u.member, "unknown-member", "%s.args has no %s: the policy declares no arguments, args = { %[2]s = { … } }", u.name, u.member)
		case !has && !u.assigned:
			c.report(u.line, u.member, "unknown-member", "%s.args has no %s%s", u.name, u.member, suggest.Name(u.member, known))
		}
	}
}
