package check

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/bindings/internal/suggest"
	"github.com/flashlua/flashlua/scripts"
)

// objects infers which of flashlua's objects the names of a script stand for. A name has a type, "session" or
// "shell", only if every assignment to it, anywhere in the script, has that type.
type objects struct {
	kinds map[string]string // type by name; "" if it is not sure
	uses  []memberUse

	arguments   []memberUse // uses of job.args.NAME; name is that of the job
	connections []connectionUse
}

// memberUse is a use of an object's member.
type memberUse struct {
	name, kind, member string // one of the first two
	line               int
	assigned           bool
}

// stub is what the LuaCATS stub declares.
type stub struct {
	members map[string][]string // fields and methods, by type of object
	results map[string]string   // type of the object that a function returns, by "uboot:boot" or "serial.open"
	fields  map[string]string   // type of the object in a field, by "session.power"
	entries map[string]string   // type of the objects in the table of a field, by "session.outputs"
}

var (
	stubClass    = lazyRegexp(`^---@class flashlua\.(\w+)`)
	stubField    = lazyRegexp(`^---@field (\w+)(?: flashlua\.(\w+)$| table<string, flashlua\.(\w+)>)?`)
	stubReturn   = lazyRegexp(`^---@return flashlua\.(\w+)\??(?:\s|$)`)
	stubFunction = lazyRegexp(`^function (\w+?)(?:_object)?([.:])(\w+)`)
)

// readStub reads the LuaCATS stub.
var readStub = sync.OnceValue(func() stub {
	s := stub{map[string][]string{}, map[string]string{}, map[string]string{}, map[string]string{}}
	class, result := "", ""
	for line := range strings.Lines(scripts.Stub) {
		if m := stubClass().FindStringSubmatch(line); m != nil {
			class = m[1]
		} else if m := stubField().FindStringSubmatch(line); m != nil {
			s.members[class] = append(s.members[class], m[1])
			s.fields[class+"."+m[1]], s.entries[class+"."+m[1]] = m[2], m[3]
		} else if m := stubReturn().FindStringSubmatch(line); m != nil {
			result = m[1]
		} else if m := stubFunction().FindStringSubmatch(line); m != nil {
			if m[2] == ":" {
				s.members[m[1]] = append(s.members[m[1]], m[3])
			}
			if result != "" {
				s.results[m[1]+m[2]+m[3]] = result
			}
			result = ""
		}
	}
	return s
})

// bind notes an assignment of a value of that type to a name.
func (o *objects) bind(name, kind string) {
	if was, ok := o.kinds[name]; ok && was != kind {
		kind = ""
	}
	o.kinds[name] = kind
}

// bindAll notes an assignment. A declaration without values says nothing about the names.
func (o *objects) bindAll(names []string, values []ast.Expr) {
	for i, name := range names {
		kind := ""
		if i < len(values) {
			kind = o.kindOf(values[i])
		}
		if len(values) > 0 {
			o.bind(name, kind)
		}
	}
}

// bindParams notes the types of a function's parameters.
func (o *objects) bindParams(f *ast.FunctionExpr, kinds ...string) {
	for i, name := range f.ParList.Names {
		kind := ""
		if i < len(kinds) {
			kind = kinds[i]
		}
		o.bind(name, kind)
	}
}

// kindOf returns the type of object that an expression has, "" if it is not sure.
func (o *objects) kindOf(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.IdentExpr:
		return o.kinds[x.Value]
	case *ast.AttrGetExpr:
		key, ok := x.Key.(*ast.StringExpr)
		if !ok {
			return ""
		}
		if kind := o.entryOf(x.Object); kind != "" {
			return kind
		}
		return readStub().fields[o.kindOf(x.Object)+"."+key.Value]
	case *ast.FuncCallExpr:
		if x.Receiver != nil {
			return readStub().results[o.kindOf(x.Receiver)+":"+x.Method]
		}
		if get, ok := x.Func.(*ast.AttrGetExpr); ok {
			return o.resultOf(get)
		}
	}
	return ""
}

// entryOf returns the type of the objects in the table that an expression has, as s.outputs; "" if it is not sure.
func (o *objects) entryOf(e ast.Expr) string {
	get, ok := e.(*ast.AttrGetExpr)
	if !ok {
		return ""
	}
	key, _ := stringOf(get.Key)
	return readStub().entries[o.kindOf(get.Object)+"."+key]
}

// resultOf returns the type of object that a module's function returns. A module whose name is assigned anywhere
// in the script before may be another value.
func (o *objects) resultOf(function *ast.AttrGetExpr) string {
	id, ok := function.Object.(*ast.IdentExpr)
	if !ok {
		return ""
	}
	if _, assigned := o.kinds[id.Value]; assigned {
		return ""
	}
	key, _ := stringOf(function.Key)
	return readStub().results[id.Value+"."+key]
}

// use notes a use of a member.
func (o *objects) use(of ast.Expr, member string, line int) {
	o.add(memberUse{member: member, line: line}, of)
}

// assign notes an assignment to a member.
func (o *objects) assign(of ast.Expr, member string, line int) {
	o.add(memberUse{member: member, line: line, assigned: true}, of)
}

func (o *objects) add(u memberUse, of ast.Expr) {
	if job := jobOfArgs(of); job != "" {
		u.name = job
		o.arguments = append(o.arguments, u)
		return
	}
	if session, field := connectionsOf(of); session != "" {
		u.name = session
		o.connections = append(o.connections, connectionUse{u, field})
		return
	}
	if id, ok := of.(*ast.IdentExpr); ok {
		u.name = id.Value
	} else if u.kind = o.kindOf(of); u.kind == "" {
		return
	}
	o.uses = append(o.uses, u)
}

// checkMembers reports members that an object does not have, and assignments to those that it has.
func (c *checker) checkMembers() {
	for _, u := range c.objects.uses {
		kind := cmp.Or(u.kind, c.objects.kinds[u.name])
		known := readStub().members[kind]
		switch has := slices.Contains(known, u.member); {
		case kind == "":
		case has && u.assigned:
			c.report(u.line, u.member, "read-only", "%s of the %s cannot be set: scripts only read it", u.member, kind)
		case !has && !u.assigned: // an assignment is a use, too
			what := "the " + kind
			if u.name != "" {
				what = u.name + ", " + what + ","
			}
			c.report(u.line, u.member, "unknown-member", "%s has no %s%s", what, u.member, suggest.Name(u.member, known))
		}
	}
}
