package check

import (
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
)

// stringOf returns the value of a string constant.
func stringOf(e ast.Expr) (string, bool) {
	s, ok := e.(*ast.StringExpr)
	if !ok {
		return "", false
	}
	return s.Value, true
}

// calledName returns the last name of the called function: "run" of sh:run() and of flash.run().
func calledName(call *ast.FuncCallExpr) string {
	if call.Receiver != nil {
		return call.Method
	}
	if get, ok := call.Func.(*ast.AttrGetExpr); ok {
		s, _ := stringOf(get.Key)
		return s
	}
	return ""
}

// invocation is a call of a value.
type invocation struct {
	at     *ast.FuncCallExpr
	callee value
	name   string // of the function, as the script has it
	self   *value // object of a method that is called with a colon
	exprs  []ast.Expr
	args   []value
	place  place // of the object
	open   bool  // there may be more arguments
	caught bool  // an error does not end the caller
}

// call checks a call, and returns what is known of its results, and whether there may be more.
func (c *checker) call(x *ast.FuncCallExpr, s *scope) (results []value, open bool) {
	i := invocation{at: x, name: calledName(x), exprs: x.Args}
	if x.Receiver != nil {
		self := c.eval(x.Receiver, s)
		i.place = placeOf(x.Receiver, s)
		i.self, i.callee = &self, c.memberOf(self, x.Method, nameOf(x.Receiver), x.Line())
		if known := c.in.Members("string"); self.literal == "string" && known != nil && !slices.Contains(known, x.Method) && !c.defined[x.Method] && !c.dynamic {
			c.report(x.Line(), x.Method, "unknown-member", "a string has no %s%s", x.Method, suggest.Nearest(x.Method, known))
		}
	} else {
		i.callee = c.eval(x.Func, s)
	}
	for _, a := range x.Args {
		if f, ok := a.(*ast.FunctionExpr); ok && i.callee.sig != nil && i.callee.sig.generic() {
			c.inline[f] = true
		}
	}
	i.args, i.open = c.list(x.Args, s)
	c.calls[i.name] = true
	c.checkText(i)
	return c.invoke(i, s)
}

// invoke follows a call.
func (c *checker) invoke(i invocation, s *scope) (results []value, open bool) {
	switch f := i.callee; {
	case f.sig != nil:
		return c.callSignature(i), false
	case f.own != nil:
		return c.callOwn(i)
	case f.global != "" && i.self == nil:
		return c.callGlobal(i, s)
	case f.class != "" || f.literal != "":
		if i.name != "" {
			of := nameOf(i.at.Receiver)
			if get, ok := i.at.Func.(*ast.AttrGetExpr); ok {
				of = nameOf(get.Object)
			}
			c.report(i.at.Line(), i.name, "bad-call", "%s is not a function: write %s without parentheses", i.name, strings.TrimPrefix(of+"."+i.name, "."))
		}
	case f.module != "":
		c.report(i.at.Line(), f.module, "bad-call", "%s is a module, not a function", f.module)
	}
	c.guess(i)
	c.loseHandles()
	c.shareAll(i)
	return nil, true
}

// shareAll notes that code which the check does not follow has the arguments of a call.
func (c *checker) shareAll(i invocation) {
	if i.self != nil {
		c.share(*i.self)
	}
	for _, v := range i.args {
		c.share(v)
	}
}

// callOwn follows a call of a function of the script.
func (c *checker) callOwn(i invocation) (results []value, open bool) {
	f, args := i.callee.own, i.args
	switch {
	case i.self != nil && f.self == nil: // function M.f(self) called as M:f()
		args = append([]value{*i.self}, args...)
	case i.self != nil:
		c.merge(&f.self.value, *i.self)
	case f.self != nil && len(args) > 0:
		c.merge(&f.self.value, args[0])
		args = args[1:]
	}
	c.function.calls[f] = true
	c.bind(f, args, i.open)
	c.loseHandles()
	return f.results[:], false
}

// callGlobal follows a call of a function of Lua.
func (c *checker) callGlobal(i invocation, s *scope) (results []value, open bool) {
	switch i.callee.global {
	case "require":
		if name, ok := stringOf(argumentOf(i.exprs, 0)); ok && len(i.exprs) == 1 {
			return []value{c.require(name)}, false
		}
		c.dynamic = true
	case "assert":
		return i.args, i.open
	case "pcall", "xpcall":
		skip := 1
		if i.callee.global == "xpcall" {
			skip = 2
		}
		if len(i.args) < skip {
			break
		}
		called := invocation{at: i.at, callee: i.args[0], exprs: i.exprs[min(skip, len(i.exprs)):], args: i.args[skip:], open: i.open, caught: true}
		called.name = calledName(&ast.FuncCallExpr{Func: i.exprs[0]})
		c.invoke(called, s)
		c.share(i.args[min(1, len(i.args)-1)])
		return []value{constant("boolean", nil)}, true
	}
	c.guess(i)
	c.loseHandles()
	c.shareAll(i)
	return nil, true
}

var writesMedium = lazyRegexp(`\bdd\b[^|;&]*\bof=/dev/|\b(?:mmc|virtio|nvme|scsi|sata|usb|ide|sf|mtd|nand|ubi) write\b|\bsf update\b|\bblkdiscard\b`)

// checkText checks the texts among the arguments of a call: patterns, kinds of errors, and commands that write.
func (c *checker) checkText(i invocation) {
	x, name := i.at, i.name
	if x.Receiver != nil {
		if step, ok := stringOf(argumentOf(x.Args, 0)); ok && step == "write" && (name == "remove" || name == "replace") {
			c.removedWrite = x
		}
	}
	if cmd, ok := stringOf(argumentOf(x.Args, 0)); ok && (name == "run" || name == "exec") && writesMedium().MatchString(cmd) {
		c.writes = append(c.writes, x)
	}
	if c.defined[name] && i.callee.sig == nil { // a function of the script's own may have that name
		return
	}
	self := 0 // position of the text or the error that the function works on, if it is no method
	if x.Receiver == nil {
		self = 1
	}
	second, line := "", 0
	if e := argumentOf(x.Args, self); e != nil {
		second, _ = stringOf(e)
		line = e.Line()
	}
	switch name {
	case "find", "match", "gmatch", "gsub", "console":
		plain := name == "find" && len(x.Args) > 2 // its fourth argument may say that the pattern is plain text
		if err := c.in.CheckPattern(second); err != nil && !plain {
			c.report(line, second, "bad-pattern", "%v: %q", err, second)
		}
	case "expect":
		c.checkRegexps(argumentOf(x.Args, self), argumentOf(x.Args, self+1))
	case "is":
		if second != "" {
			c.usedKinds = append(c.usedKinds, kindUse{second, line, c.file})
		}
	case "new":
		c.declareKind(argumentOf(x.Args, 0))
	}
}

// argumentOf returns an argument of a call, counted from 0, nil if there is none.
func argumentOf(args []ast.Expr, i int) ast.Expr {
	if i >= len(args) {
		return nil
	}
	return args[i]
}

// declareKind notes the kind in errors.new{ kind = … }.
func (c *checker) declareKind(fields ast.Expr) {
	t, ok := fields.(*ast.TableExpr)
	if !ok {
		return
	}
	for _, f := range t.Fields {
		key, _ := stringOf(f.Key)
		if kind, ok := stringOf(f.Value); ok && key == "kind" {
			c.declaredKinds[classify.Kind(kind)] = true
		}
	}
}
