package check

import (
	"maps"

	"github.com/yuin/gopher-lua/ast"
)

// place is where a script keeps a prompt or a shell: a variable, or a field of one.
type place struct {
	in    *variable
	field string
}

// maxHandles bounds how many handles are followed at a time.
const maxHandles = 100

// handle is a prompt or a shell in a place.
type handle struct {
	number int // each assignment makes another one
	class  string
	ended  string // the call that certainly ended it, "" if none did
	line   int    // of that call
}

// handles are the prompts and shells that the code before has put somewhere, if it is sure: it was executed in this
// order, without a branch. A nil map is of code about which nothing is sure.
type handles map[place]handle

// ends returns the classes of objects that a call ends: a prompt by a boot, and both by a switch of the session's
// power, by a new one, and by what is typed at the session's console. A program may have several boards.
func (i invocation) ends() []string {
	of := ""
	if i.self != nil {
		of = i.self.of
	}
	switch method := i.callee.sig.name; method {
	case "uboot:boot":
		return []string{"uboot"}
	case "session:uboot", "session:shell":
		return []string{"uboot", "shell"}
	case "console:send", "console:line", "console:secret":
		if of == "session.console" {
			return []string{"uboot", "shell"}
		}
	case "power:on", "power:off", "power:cycle":
		if of == "session.power" {
			return []string{"uboot", "shell"}
		}
	}
	return nil
}

// placeOf returns the place that an expression names.
func placeOf(e ast.Expr, s *scope) place {
	if name := nameOf(e); name != "" {
		return place{in: s.find(name)}
	}
	if get, ok := e.(*ast.AttrGetExpr); ok {
		if field, ok := stringOf(get.Key); ok && nameOf(get.Object) != "" {
			return place{s.find(nameOf(get.Object)), field}
		}
	}
	return place{}
}

// putHandle notes that a value is put in a place.
func (c *checker) putHandle(at place, v value) {
	if at.in == nil || c.handles == nil || len(c.handles) == maxHandles {
		return
	}
	c.numbers++
	if v.class == "uboot" || v.class == "shell" {
		c.handles[at] = handle{number: c.numbers, class: v.class}
	} else if _, had := c.handles[at]; had {
		c.handles[at] = handle{number: c.numbers}
	}
}

// useHandle reports a method of an ended prompt or shell, and notes what the method ends.
func (c *checker) useHandle(i invocation) {
	f := i.callee.sig
	h, known := c.handles[i.place]
	if !known && (f.object() == "uboot" || f.object() == "shell") {
		c.putHandle(i.place, object(f.object()))
	}
	if h.ended != "" && h.class == f.object() {
		what := "prompt"
		if h.class == "shell" {
			what = "shell"
		}
		name := nameOf(i.at.Receiver)
		if name == "" {
			name = i.place.field
		}
		c.report(i.at.Line(), name, "stale-handle", "the %s %s is gone since %s in line %d: get a new one, with s:%s()", what, name, h.ended, h.line, h.class)
	}
	if i.caught {
		return
	}
	for _, class := range i.ends() {
		for at, h := range c.handles {
			if h.class == class && h.ended == "" {
				h.ended, h.line = memberName(f), i.at.Line()
				c.handles[at] = h
			}
		}
	}
}

// loseHandles notes that code which is not followed in this order was executed: it may have put others in their places.
func (c *checker) loseHandles() {
	maps.DeleteFunc(c.handles, func(at place, _ handle) bool { return at.field != "" || at.in.elsewhere })
}

// branch walks code that may be executed or not.
func (c *checker) branch(walk func()) {
	before := maps.Clone(c.handles)
	walk()
	maps.DeleteFunc(before, func(at place, h handle) bool { return c.handles[at].number != h.number })
	c.handles = before
}

// apart walks code that is executed at another time.
func (c *checker) apart(walk func()) {
	before := c.handles
	c.handles = handles{}
	walk()
	c.handles = before
}

// returnsEarly reports whether statements may return before the last of them.
func returnsEarly(stmts []ast.Stmt, last bool) bool {
	for i, stmt := range stmts {
		end := last && i == len(stmts)-1
		switch x := stmt.(type) {
		case *ast.ReturnStmt:
			if !end {
				return true
			}
		case *ast.IfStmt:
			if returnsEarly(x.Then, false) || returnsEarly(x.Else, false) {
				return true
			}
		case *ast.DoBlockStmt:
			if returnsEarly(x.Stmts, false) {
				return true
			}
		case *ast.WhileStmt:
			if returnsEarly(x.Stmts, false) {
				return true
			}
		case *ast.RepeatStmt:
			if returnsEarly(x.Stmts, false) {
				return true
			}
		case *ast.NumberForStmt:
			if returnsEarly(x.Stmts, false) {
				return true
			}
		case *ast.GenericForStmt:
			if returnsEarly(x.Stmts, false) {
				return true
			}
		case *ast.GotoStmt, *ast.LabelStmt:
			return true
		}
	}
	return false
}
