package check

import (
	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/classify"
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

var writesMedium = lazyRegexp(`\bdd\b[^|;&]*\bof=/dev/|\b(?:mmc|sf|nand|usb) write\b|\bblkdiscard\b`)

// call checks one call.
func (c *checker) call(x *ast.FuncCallExpr, s *scope) {
	name := calledName(x)
	c.calls[name] = true
	c.findOptions(x, s)
	if x.Receiver != nil {
		c.objects.use(x.Receiver, name, x.Line())
		if step, ok := stringOf(argument(x, 0)); ok && step == "write" && (name == "remove" || name == "replace") {
			c.removedWrite = x
		}
	}
	if cmd, ok := stringOf(argument(x, 0)); ok && (name == "run" || name == "exec") && writesMedium().MatchString(cmd) {
		c.writes = append(c.writes, x)
	}
	self := 0 // position of the text or the error that the function works on, if it is no method
	if x.Receiver == nil {
		self = 1
	}
	second, line := "", 0
	if e := argument(x, self); e != nil {
		second, _ = stringOf(e)
		line = e.Line()
	}
	switch name {
	case "find", "match", "gmatch", "gsub", "console":
		plain := name == "find" && len(x.Args) > 2 // its fourth argument may say that the pattern is plain text
		if err := c.in.CheckPattern(second); err != nil && !plain {
			c.report(line, second, "bad-pattern", "%v: %q", err, second)
		}
	case "is":
		if second != "" {
			c.usedKinds = append(c.usedKinds, kindUse{second, line})
		}
	case "new":
		c.declareKind(argument(x, 0))
	case "sleep", "seconds":
		if text, ok := stringOf(argument(x, 0)); ok && x.Receiver == nil {
			if _, err := option.ParseDuration(text); err != nil {
				c.report(x.Line(), text, "bad-duration", "%s %v", name, err)
			}
		}
	}
}

// argument returns an argument of a call, counted from 0, nil if there is none.
func argument(x *ast.FuncCallExpr, i int) ast.Expr {
	if i >= len(x.Args) {
		return nil
	}
	return x.Args[i]
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
