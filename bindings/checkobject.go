package bindings

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/scripts"
)

// objects follows what the names of a script stand for, as far as that is sure: a name counts as a session, a shell or
// what else there is only if everything that is ever bound to it, wherever, is one.
type objects struct {
	kinds map[string]string // by name; "" if it is not sure
	asked []asked
}

// asked is a member of a name that the script uses.
type asked struct {
	name, kind, member string // one of the first two
	line               int
	set                bool // it is assigned to
}

// resultType are the methods that give an object, by the kind of theirs.
var resultType = map[string]map[string]string{"session": {"uboot": "uboot", "shell": "shell"}, "uboot": {"boot": "shell"}}

// hookParams are the kinds of the parameters of a policy's functions.
var hookParams = map[string][]string{"flash": {"session", "job"}, "classify": {"error"}, "backoff": {"", "error"}}

var (
	stubClass  = regexp.MustCompile(`^---@class flashlua\.(\w+)`)
	stubField  = regexp.MustCompile(`^---@field (\w+)`)
	stubMethod = regexp.MustCompile(`^function (\w+?)(?:_object)?:(\w+)`)
)

// objectMembers are the fields and methods of every kind of object, as the stub declares them.
var objectMembers = sync.OnceValue(func() map[string][]string {
	all, class := map[string][]string{}, ""
	for line := range strings.Lines(scripts.Stub) {
		if m := stubClass.FindStringSubmatch(line); m != nil {
			class = m[1]
		} else if m := stubField.FindStringSubmatch(line); m != nil {
			all[class] = append(all[class], m[1])
		} else if m := stubMethod.FindStringSubmatch(line); m != nil {
			all[m[1]] = append(all[m[1]], m[2])
		}
	}
	return all
})

// bind notes what a name is given.
func (o *objects) bind(name, kind string) {
	if was, ok := o.kinds[name]; ok && was != kind {
		kind = ""
	}
	o.kinds[name] = kind
}

// bindAll notes an assignment.
func (o *objects) bindAll(names []string, values []ast.Expr) {
	for i, name := range names {
		kind := ""
		if i < len(values) {
			kind = o.kindOf(values[i])
		}
		if len(values) > 0 { // a declaration says nothing
			o.bind(name, kind)
		}
	}
}

// kindOf is the kind of object that an expression gives, as far as its form tells.
func (o *objects) kindOf(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.IdentExpr:
		return o.kinds[x.Value]
	case *ast.FuncCallExpr:
		if x.Receiver != nil {
			return resultType[o.kindOf(x.Receiver)][x.Method]
		}
	}
	return ""
}

// params notes the parameters of a function.
func (o *objects) params(f *ast.FunctionExpr, kinds ...string) {
	for i, name := range f.ParList.Names {
		kind := ""
		if i < len(kinds) {
			kind = kinds[i]
		}
		o.bind(name, kind)
	}
}

// use notes that a member of something is used.
func (o *objects) use(of ast.Expr, member string, line int) {
	o.note(asked{member: member, line: line}, of)
}

// assign notes that a member of something is assigned to.
func (o *objects) assign(of ast.Expr, member string, line int) {
	o.note(asked{member: member, line: line, set: true}, of)
}

func (o *objects) note(a asked, of ast.Expr) {
	if id, ok := of.(*ast.IdentExpr); ok {
		a.name = id.Value
	} else if a.kind = o.kindOf(of); a.kind == "" {
		return
	}
	o.asked = append(o.asked, a)
}

// unknownMembers finds members that an object does not have, and assignments to those that it has.
func (c *checker) unknownMembers() {
	for _, a := range c.objects.asked {
		kind := cmp.Or(a.kind, c.objects.kinds[a.name])
		known := objectMembers()[kind]
		switch there := slices.Contains(known, a.member); {
		case kind == "":
		case there && a.set:
			c.at(a.line, a.member, "read-only", "%s of the %s cannot be set: scripts only read it", a.member, kind)
		case !there && !a.set: // an assignment is a use, too
			what := "the " + kind
			if a.name != "" {
				what = a.name + ", " + what + ","
			}
			c.at(a.line, a.member, "unknown-member", "%s has no %s%s", what, a.member, suggest(a.member, known))
		}
	}
}
