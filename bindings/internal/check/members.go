package check

import (
	"maps"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine"
)

// member returns the value of a member, and reports one that does not exist.
func (c *checker) member(x *ast.AttrGetExpr, s *scope) value {
	of := c.eval(x.Object, s)
	c.eval(x.Key, s)
	key, ok := stringOf(x.Key)
	if !ok {
		if of.items != "" {
			return ofType(of.items)
		}
		c.share(of)
		return unknown
	}
	if id, isName := x.Object.(*ast.IdentExpr); of.module == "" && (!isName || id.Value != "board") {
		c.calls[key] = true // a function that is passed on, as in board.flash = seq.flash
	}
	return c.memberOf(of, key, nameOf(x.Object), x.Line())
}

// nameOf returns the name in an expression that is one, else "".
func nameOf(e ast.Expr) string {
	if id, ok := e.(*ast.IdentExpr); ok {
		return id.Value
	}
	return ""
}

// memberOf returns the value of a member. name is that of the object, "" if it has none.
func (c *checker) memberOf(of value, key, name string, line int) value {
	switch {
	case of.class != "":
		return c.classMember(of.class, key, name, line)
	case of.module != "":
		return c.moduleMember(of.module, key, line)
	case of.sig != nil && of.sig.name != "function":
		c.report(line, memberName(of.sig), "bad-call", "%s is a function, which has no %s: %s", of.sig.short(), key, callOf(of.sig))
	case of.items != "":
		return ofType(of.items)
	case of.table != nil && !of.table.shared:
		return of.table.fields[key]
	}
	return unknown
}

func (c *checker) moduleMember(module, key string, line int) value {
	members := c.in.Members(module)
	if !slices.Contains(members, key) {
		c.report(line, key, "unknown-member", "%s has no %s%s", module, key, suggest.Name(key, members))
		return unknown
	}
	if f := readStub().functions[module+"."+key]; f != nil {
		return value{known: true, sig: f[0]}
	}
	return value{known: true, global: module + "." + key}
}

func (c *checker) classMember(name, key, of string, line int) value {
	known, closed := c.members(name)
	if closed && !slices.Contains(known, key) {
		switch {
		case declared[name].names != nil && len(known) == 0:
			c.report(line, key, "unknown-member", "%s has no %s: the policy declares %s, %s = { %[2]s = { … } }", ofClass(name), key, declared[name].none, declared[name].key)
		case of != "" && ofClass(name) != name:
			c.report(line, key, "unknown-member", "%s, %s, has no %s%s", of, ofClass(name), key, suggest.Name(key, known))
		default:
			c.report(line, key, "unknown-member", "%s has no %s%s", ofClass(name), key, suggest.Name(key, known))
		}
		return unknown
	}
	if f := readStub().functions[name+":"+key]; f != nil {
		return value{known: true, sig: f[0]}
	}
	if f := readStub().functions[name+"."+key]; f != nil {
		return value{known: true, sig: f[0]}
	}
	if declared[name].names != nil {
		owner, field, _ := strings.Cut(name, ".")
		return ofType(ofType(readStub().classes[owner].fields[field]).items)
	}
	class := readStub().classes[name]
	if class == nil {
		return unknown
	}
	typ, has := class.fields[key]
	if !has {
		typ = class.items
	}
	if full := name + "." + key; declared[full].names != nil {
		return object(full)
	}
	v := ofType(typ)
	if name == "session" {
		v.of = name + "." + key
	}
	if v.sig != nil {
		v.sig.name = name + "." + key
	}
	return v
}

// ofClass returns how messages name an object of a class.
func ofClass(name string) string {
	if declared[name].names != nil || name == "at" {
		return strings.Replace(name, "session.", "s.", 1)
	}
	return "the " + strings.ReplaceAll(name, "_", " ")
}

// policyNames is a key of a policy that declares the members of a field.
type policyNames struct {
	key, none string // none says that there are no members
	names     func(*engine.Policy) []string
}

// declared are the fields whose members the policy declares, by "class.field".
var declared = map[string]policyNames{
	"job.args":         {"args", "no arguments", func(p *engine.Policy) []string { return slices.Sorted(maps.Keys(p.Args)) }},
	"session.outputs":  {"outputs", "no outputs", func(p *engine.Policy) []string { return slices.Sorted(maps.Keys(p.Outputs)) }},
	"session.consoles": {"consoles", "no other consoles", func(p *engine.Policy) []string { return slices.Sorted(maps.Keys(p.Consoles)) }},
}

// members returns the names in an object of a class, and whether it can have no others.
func (c *checker) members(name string) (known []string, closed bool) {
	if d := declared[name]; d.names != nil {
		p := c.loaded.Policy
		if p == nil || c.loaded.wrong(d.key) || len(p.Variants) > 0 { // a variant may declare more
			return nil, false
		}
		return d.names(p), true
	}
	class := readStub().classes[name]
	if class == nil {
		return nil, false
	}
	return class.names, class.items == "" && !strings.HasPrefix(name, "lib.") && name != "policy"
}

// writable reports whether scripts may assign the fields of a class: those of tables that they write themselves.
func writable(class string) bool {
	return class == "at" || class == "policy" || strings.HasSuffix(class, "_options") || strings.HasPrefix(class, "lib.")
}

// assignMember notes an assignment to a member, and reports it if scripts only read the member.
func (c *checker) assignMember(to *ast.AttrGetExpr, v value, s *scope) {
	of := c.eval(to.Object, s)
	c.eval(to.Key, s)
	key, ok := stringOf(to.Key)
	if !ok {
		c.share(v)
		c.share(of)
		return
	}
	switch name := nameOf(to.Object); {
	case of.module != "" && readStub().modules[of.module]:
		c.report(to.Line(), key, "read-only", "%s of the module %s cannot be set: scripts only read it", key, of.module)
	case of.class == "":
	case writable(of.class):
		c.memberOf(of, key, name, to.Line())
	default:
		known, closed := c.members(of.class)
		switch {
		case slices.Contains(known, key) || !closed:
			c.report(to.Line(), key, "read-only", "%s of %s cannot be set: scripts only read it", key, ofClass(of.class))
		case declared[of.class].names != nil && len(known) == 0:
			c.classMember(of.class, key, name, to.Line())
		default:
			c.report(to.Line(), key, "read-only", "%s has no %s, and cannot be changed: scripts only read it%s", ofClass(of.class), key, suggest.Nearest(key, known))
		}
	}
	if v.own != nil && v.own.expr != nil {
		c.named(to, v.own.expr, s)
	}
	if of.table != nil {
		of.table.edited = true
	}
	c.setField(of, key, v)
	c.putHandle(placeOf(to, s), v)
}

// setField notes the value of a table's field.
func (c *checker) setField(of value, key string, v value) {
	if v.own != nil {
		c.defined[key] = true
	}
	if of.table == nil {
		c.share(v)
		return
	}
	was := of.table.fields[key]
	now := was
	c.merge(&now, v)
	if now != was {
		of.table.fields[key] = now
	}
	if of.table.shared {
		c.share(v)
	}
}

// memberName returns the last part of a function's name.
func memberName(f *signature) string {
	return f.name[strings.LastIndexAny(f.name, ".:")+1:]
}

// callOf returns how a function is called.
func callOf(f *signature) string {
	object := f.name
	if f.method {
		switch object = f.object(); object {
		case "session":
			object = "s"
		case "uboot":
			object = "ub"
		case "shell":
			object = "sh"
		case "error":
			object = "err"
		}
		object += ":" + memberName(f)
	}
	return "write " + object + "(…)"
}
