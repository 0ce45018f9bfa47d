package bindings

import (
	"regexp"
	"slices"
	"time"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/classify"
)

// text is the value of a string constant.
func text(e ast.Expr) (string, bool) {
	s, ok := e.(*ast.StringExpr)
	if !ok {
		return "", false
	}
	return s.Value, true
}

// called is the last name of what is called.
func called(call *ast.FuncCallExpr) string {
	if call.Receiver != nil {
		return call.Method
	}
	if get, ok := call.Func.(*ast.AttrGetExpr); ok {
		s, _ := text(get.Key)
		return s
	}
	return ""
}

// flashOptions are those of flash.run.
var flashOptions = []string{"image", "parts", "port", "power", "target", "files", "sha256", "max_size", "timeout", "retries", "set"}

// optionsOf are the options of methods that take a table, and which of them are durations.
var optionsOf = map[string]struct{ known, durations []string }{
	"before": {[]string{"name", "run", "retries", "timeout", "destroys", "aborts"}, []string{"timeout"}}, // of a sequence
	"after":  {[]string{"name", "run", "retries", "timeout", "destroys", "aborts"}, []string{"timeout"}},
	"step":   {[]string{"retries", "timeout", "destroys", "aborts"}, []string{"timeout"}},
	"run":    {[]string{"timeout", "stall", "line"}, []string{"timeout", "stall"}},
	"exec":   {[]string{"timeout", "stall", "line"}, []string{"timeout", "stall"}},
	"expect": {[]string{"timeout", "stall"}, []string{"timeout", "stall"}},
	"drain":  {[]string{"quiet", "timeout"}, []string{"quiet", "timeout"}},
}

var writesMedium = regexp.MustCompile(`\bdd\b[^|;&]*\bof=/dev/|\b(?:mmc|sf|nand|usb) write\b|\bblkdiscard\b`)

// call looks at one call.
func (c *checker) call(x *ast.FuncCallExpr) {
	name := called(x)
	c.calls[name] = true
	if o, ok := optionsOf[name]; ok && x.Receiver != nil {
		for _, a := range x.Args {
			if t, ok := a.(*ast.TableExpr); ok {
				c.options(t, name, o.known, o.durations)
			}
		}
	}
	if x.Receiver != nil {
		c.objects.use(x.Receiver, name, x.Line())
	}
	if step, ok := text(first(x.Args)); ok && step == "write" && x.Receiver != nil && (name == "remove" || name == "replace") {
		c.without = x
	}
	if module, ok := x.Func.(*ast.AttrGetExpr); ok && name == "run" {
		if id, ok := module.Object.(*ast.IdentExpr); ok && id.Value == "flash" && len(x.Args) > 1 {
			if t, ok := x.Args[1].(*ast.TableExpr); ok {
				c.options(t, "flash.run", flashOptions, []string{"timeout"})
			}
		}
	}
	if cmd, ok := text(first(x.Args)); ok && (name == "run" || name == "exec") && writesMedium.MatchString(cmd) {
		c.writes = append(c.writes, x)
	}
	arg := func(i int) (string, int, bool) {
		if x.Receiver == nil { // string.find(s, pattern), errors.is(err, kind)
			i++
		}
		if i >= len(x.Args) {
			return "", 0, false
		}
		s, ok := text(x.Args[i])
		return s, x.Args[i].Line(), ok
	}
	switch name {
	case "find", "match", "gmatch", "gsub", "console":
		if s, line, ok := arg(0); ok && !(name == "find" && len(x.Args) > 2) { // with more than two, it may be plain
			if err := lua51.CheckPattern(s); err != nil {
				c.at(line, s, "bad-pattern", "%v: %q", err, s)
			}
		}
	case "is":
		if s, line, ok := arg(0); ok {
			c.usedKinds = append(c.usedKinds, kindAsked{s, line})
		}
	case "new":
		if t, ok := first(x.Args).(*ast.TableExpr); ok {
			for _, f := range t.Fields {
				k, _ := text(f.Key)
				if v, ok := text(f.Value); ok && k == "kind" {
					c.declaredKinds[classify.Kind(v)] = true
				}
			}
		}
	case "sleep", "seconds":
		if s, ok := text(first(x.Args)); ok && x.Receiver == nil {
			if _, err := durationText(s); err != nil {
				c.at(x.Line(), s, "bad-duration", "%s %v", name, err)
			}
		}
	}
}

func first(args []ast.Expr) ast.Expr {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}

// hook looks at a function that may be one of the policy's, by its key.
func (c *checker) hook(key string, f *ast.FunctionExpr) {
	c.checkReturns(key, f)
	if kinds, ok := hookParams[key]; ok {
		c.hooked[f] = true
		c.objects.params(f, kinds...)
	}
}

// checkReturns looks at what classify and backoff return.
func (c *checker) checkReturns(hook string, f *ast.FunctionExpr) {
	var look func([]ast.Stmt)
	look = func(stmts []ast.Stmt) {
		for _, s := range stmts {
			switch x := s.(type) {
			case *ast.ReturnStmt:
				if answer, ok := text(first(x.Exprs)); ok {
					c.answer(hook, answer, x.Line())
				} else if n, ok := first(x.Exprs).(*ast.NumberExpr); ok && hook == "backoff" {
					c.at(x.Line(), n.Value, "bad-answer", `backoff answers a duration with its unit, "30s", or next(n, err), not a number`)
				}
			case *ast.IfStmt:
				look(x.Then)
				look(x.Else)
			case *ast.DoBlockStmt:
				look(x.Stmts)
			case *ast.WhileStmt:
				look(x.Stmts)
			case *ast.NumberForStmt:
				look(x.Stmts)
			case *ast.GenericForStmt:
				look(x.Stmts)
			}
		}
	}
	if hook == "classify" || hook == "backoff" {
		look(f.Stmts)
	}
}

func (c *checker) answer(hook, answer string, line int) {
	if hook == "classify" && answer != classify.Retry.String() && answer != classify.Fatal.String() {
		c.at(line, answer, "bad-answer", `classify answers "retry", "fatal" or next(err), not %q`, answer)
	}
	if hook == "backoff" {
		if _, err := time.ParseDuration(answer); err != nil {
			c.at(line, answer, "bad-answer", `backoff answers a duration with its unit, "30s", or next(n, err), not %q`, answer)
		}
	}
}

// options looks at a table of options.
func (c *checker) options(t *ast.TableExpr, method string, known, durations []string) {
	for _, f := range t.Fields {
		k, ok := text(f.Key)
		switch {
		case !ok:
		case !slices.Contains(known, k):
			c.at(f.Value.Line(), k, "unknown-option", "%s has no option %s%s", method, k, suggest(k, known))
		case slices.Contains(durations, k):
			if s, ok := text(f.Value); ok {
				if _, err := durationText(s); err != nil {
					c.at(f.Value.Line(), s, "bad-duration", "option %s %v", k, err)
				}
			} else if _, isNumber := f.Value.(*ast.NumberExpr); isNumber {
				c.at(f.Value.Line(), k, "bad-duration", `option %s must be a duration with its unit, "90s" or "5m", not a number`, k)
			}
		}
	}
}
