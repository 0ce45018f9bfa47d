package check

import (
	"maps"
	"slices"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/bindings/internal/suggest"
	"github.com/flashlua/flashlua/engine"
)

// connectionUse is a use of s.outputs.NAME or s.consoles.NAME; member is NAME.
type connectionUse struct {
	memberUse
	field string // "outputs" or "consoles"
}

// connectionsOf returns the names in s.outputs or s.consoles, "" if the expression is another one.
func connectionsOf(e ast.Expr) (session, field string) {
	get, ok := e.(*ast.AttrGetExpr)
	if !ok {
		return "", ""
	}
	id, ok := get.Object.(*ast.IdentExpr)
	if key, _ := stringOf(get.Key); ok && (key == "outputs" || key == "consoles") {
		return id.Value, key
	}
	return "", ""
}

// checkConnections reports uses of outputs and consoles that the policy does not declare, and assignments to them.
// The types of a step's parameters are not known, so a parameter that is called s counts as a session.
func (c *checker) checkConnections(p *engine.Policy) {
	declared := map[string][]string{"outputs": slices.Sorted(maps.Keys(p.Outputs)), "consoles": slices.Sorted(maps.Keys(p.Consoles))}
	for _, u := range c.objects.connections {
		known := declared[u.field]
		switch has := slices.Contains(known, u.member); {
		case c.objects.kinds[u.name] != "session" && u.name != "s" || u.member == "":
		case has && u.assigned:
			c.report(u.line, u.member, "read-only", "%s of %s.%s cannot be set: scripts only read it", u.member, u.name, u.field)
		case !has && !u.assigned && len(known) == 0: // an assignment is a use, too
			c.report(u.line, u.member, "unknown-member", "%s.%s has no %s: the policy declares none, %[2]s = { %[3]s = { … } }", u.name, u.field, u.member)
		case !has && !u.assigned:
			c.report(u.line, u.member, "unknown-member", "%s.%s has no %s%s", u.name, u.field, u.member, suggest.Name(u.member, known))
		}
	}
}
