package check

import (
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/bindings/internal/option"
)

// value is what the check knows of a value of the script. The zero value stands for none: nil, or a value that no code
// has assigned yet.
type value struct {
	known   bool // if not, and any is not set, there is none
	any     bool // it may be anything
	class   string
	of      string // field of the session that the object is: "session.power"
	module  string // flashlua's, or Lua's
	global  string // function of Lua: "pcall"
	sig     *signature
	own     *function
	table   *table
	items   string // type of the values of a list or a map
	literal string // "string", "number" or "boolean"
	is      any    // a constant of that type, if it is known
}

var unknown = value{any: true}

func object(class string) value { return value{known: true, class: class} }

func constant(literal string, is any) value { return value{known: true, literal: literal, is: is} }

// function is a function of the script.
type function struct {
	expr    *ast.FunctionExpr
	file    *file
	params  []*variable
	self    *variable // of a method
	results [3]value
	calls   map[*function]bool // functions that are called whenever this one is, or that flashlua calls then
	denied  []denied           // calls that only a program can do
	hook    string             // key of the policy that it is the value of
}

// table is a table of the script.
type table struct {
	expr   *ast.TableExpr
	fields map[string]value
	edited bool // the script assigns a field
	shared bool // other code may change it
}

// variable is a local name, or a parameter.
type variable struct {
	name      string
	value     value
	function  *function // in which it is declared
	elsewhere bool      // another function assigns it, too
}

// join returns what is known of a value that is one of two.
func join(a, b value) value {
	switch {
	case a == b || !b.known && !b.any:
		return a
	case !a.known && !a.any:
		return b
	case a.literal != "" && a.literal == b.literal:
		return value{known: true, literal: a.literal}
	}
	return unknown
}

// merge adds a value to those that a place may have. What a place with unknown content has, other code may use.
func (c *checker) merge(place *value, v value) {
	was := *place
	now := join(was, v)
	if now.any {
		c.share(was)
		c.share(v)
	}
	if now != was {
		*place, c.changed = now, true
	}
}

// share notes that code which the check does not follow may call a function, or change a table.
func (c *checker) share(v value) {
	switch {
	case v.own != nil && v.own.hook == "":
		for i, name := range v.own.expr.ParList.Names {
			c.merge(&c.declareIn(v.own, i, name).value, unknown)
		}
		if v.own.self != nil {
			c.merge(&v.own.self.value, unknown)
		}
	case v.table != nil && !v.table.shared:
		v.table.shared, c.changed = true, true
		for _, f := range v.table.fields {
			c.share(f)
		}
	}
}

// ofType returns the value of a type in the stub.
func ofType(typ string) value {
	all := slices.DeleteFunc(alternatives(typ), func(t string) bool { return t == "nil" })
	if len(all) != 1 {
		return unknown
	}
	typ = all[0]
	if f := functionType(typ); f != nil {
		f.name = "function"
		return value{known: true, sig: f}
	}
	if class, ok := strings.CutPrefix(typ, "flashlua."); ok && !strings.HasSuffix(typ, "[]") {
		if readStub().classes[class] == nil {
			return unknown
		}
		return object(class)
	}
	switch typ {
	case "string", "boolean", "number":
		return value{known: true, literal: typ}
	case "integer":
		return value{known: true, literal: "number"}
	case string(option.Duration), string(option.Pause):
		return value{known: true, literal: "string"}
	}
	if item, ok := strings.CutSuffix(typ, "[]"); ok {
		return value{known: true, items: item}
	}
	if inside, ok := strings.CutPrefix(typ, "table<"); ok {
		_, item := cutParameter(strings.TrimSuffix(inside, ">"))
		return value{known: true, items: item}
	}
	return unknown
}
