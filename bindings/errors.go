package bindings

import (
	"errors"
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
)

// openErrors makes the error object's methods and the module errors.
func openErrors(s *vm.State) {
	methods := map[string]vm.Builtin{
		"is": errIs, "chain": errChain, "leaves": errLeaves, "find": errFind, "console": errConsole, "wrap": errWrap,
	}
	x := &vm.ReadOnly{Kind: "err", Self: "an error", Names: slices.Concat(slices.Collect(maps.Keys(methods)), errorFields), Values: s.L.NewTable()}
	for name, f := range methods {
		x.Values.RawSetString(name, s.Function("err:"+name, 1, f))
	}
	x.Get = func(c *vm.Args, self lua.LValue, key string) (lua.LValue, bool, error) {
		v, ok := errField(s, receiver(c, self), key)
		return v, ok, nil
	}
	s.ErrorMeta = s.Metatable(x)
	s.ErrorMeta.RawSetString("__tostring", s.Function("tostring", 0, func(c *vm.Args) ([]lua.LValue, error) {
		return []lua.LValue{lua.LString(receiver(c, c.Opt(1)).Error())}, nil
	}))
	s.ErrorMeta.RawSetString("__eq", s.Function("==", 0, func(c *vm.Args) ([]lua.LValue, error) {
		a, b := vm.GoError(c.Opt(1)), vm.GoError(c.Opt(2))
		return []lua.LValue{lua.LBool(a != nil && b != nil && (errors.Is(a, b) || errors.Is(b, a)))}, nil
	}))
	s.ErrorMeta.RawSetString("__concat", s.Function("..", 0, errConcat))
	s.ErrorMeta.RawSetString("__metatable", lua.LString("error"))

	module := &vm.ReadOnly{Kind: "errors", Values: s.L.NewTable()}
	for name, f := range map[string]vm.Builtin{
		"retryable": newError(classify.Retry), "fatal": newError(classify.Fatal), "new": errNew, "join": errJoin,
		"classify": errClassify,
	} {
		module.Names = append(module.Names, name)
		module.Values.RawSetString(name, s.Function("errors."+name, 0, f))
	}
	for _, name := range []string{"is", "find", "leaves", "chain"} { // the methods, which take any value that was caught
		module.Names = append(module.Names, name)
		module.Values.RawSetString(name, s.Function("errors."+name, 1, methods[name]))
	}
	s.L.SetGlobal("errors", s.Record(module))
}

// errorFields are the fields of an error object.
var errorFields = []string{"kind", "class", "step", "attempt", "message", "hint", "target", "cause"}

// errClassify returns the class by the built-in rules of an error, or of any value that was caught, and the rule.
func errClassify(c *vm.Args) ([]lua.LValue, error) {
	err := cause(c, c.Any(1, "error"))
	if err == nil {
		c.Fail("argument 1, the error, is nil")
	}
	d := (&classify.Classifier{}).Decide(nil, err)
	return []lua.LValue{lua.LString(d.Class.String()), lua.LString(d.Rule)}, nil
}

// receiver returns the error of a method's object. An error object's metatable calls the methods, so there is one.
func receiver(c *vm.Args, v lua.LValue) error {
	if err := vm.GoError(v); err != nil {
		return err
	}
	if strings.HasPrefix(c.Name, "errors.") && v != lua.LNil { // a value that a script raised and caught
		return vm.NewRaisedValue(v)
	}
	vm.Refuse(classify.New(classify.ScriptArgument, "call it with a colon: err:is(…), not err.is(…)"))
	return nil
}

func errField(s *vm.State, err error, key string) (lua.LValue, bool) {
	f := classify.Facts(err)
	switch key {
	case "kind":
		return lua.LString(f.Kind), true
	case "class":
		return lua.LString(f.Class.String()), true
	case "step":
		return lua.LString(f.Step), true
	case "attempt":
		return lua.LNumber(f.Attempt), true
	case "message":
		return lua.LString(err.Error()), true
	case "hint":
		return lua.LString(f.Hint), true
	case "target":
		return lua.LString(f.Target), true
	case "cause":
		return s.ErrorValue(errors.Unwrap(err)), true
	}
	return nil, false
}

func errIs(c *vm.Args) ([]lua.LValue, error) {
	return []lua.LValue{lua.LBool(classify.Find(receiver(c, c.Opt(0)), classify.Kind(c.Str(1, "kind"))) != nil)}, nil
}

func errFind(c *vm.Args) ([]lua.LValue, error) {
	found := classify.Find(receiver(c, c.Opt(0)), classify.Kind(c.Str(1, "kind")))
	if found == nil {
		return []lua.LValue{lua.LNil}, nil
	}
	return []lua.LValue{c.State.ErrorValue(found)}, nil
}

func errChain(c *vm.Args) ([]lua.LValue, error) {
	return errorList(c.State, classify.Chain(receiver(c, c.Opt(0))))
}

func errLeaves(c *vm.Args) ([]lua.LValue, error) {
	return errorList(c.State, classify.Leaves(receiver(c, c.Opt(0))))
}

func errorList(s *vm.State, errs []error) ([]lua.LValue, error) {
	t := s.L.NewTable()
	for _, err := range errs {
		t.Append(s.ErrorValue(err))
	}
	return []lua.LValue{t}, nil
}

// errConsole returns what string.match returns for a Lua pattern and the last console lines.
func errConsole(c *vm.Args) ([]lua.LValue, error) {
	tail := lua.LString(classify.Facts(receiver(c, c.Opt(0))).Console)
	if c.None(1) {
		return []lua.LValue{tail}, nil
	}
	match := c.State.L.GetGlobal("string").(*lua.LTable).RawGetString("match")
	results, err := c.State.Call(c.Ctx, match, tail, lua.LString(c.Str(1, "pattern")))
	if err == nil && len(results) == 0 {
		results = []lua.LValue{lua.LNil} // stock match returns no value
	}
	return results, err
}

func errWrap(c *vm.Args) ([]lua.LValue, error) {
	return []lua.LValue{c.State.ErrorValue(classify.Wrap(receiver(c, c.Opt(0)), "", "%s", c.Str(1, "message")))}, nil
}

// errConcat returns the same error with a text before it, for `"stage 2: " .. err`.
func errConcat(c *vm.Args) ([]lua.LValue, error) {
	if err := vm.GoError(c.Opt(2)); err != nil {
		return []lua.LValue{c.State.ErrorValue(classify.Wrap(err, "", "%s", trimColon(c.State.ToString(c.Ctx, c.Opt(1)))))}, nil
	}
	return []lua.LValue{lua.LString(receiver(c, c.Opt(1)).Error() + c.State.ToString(c.Ctx, c.Opt(2)))}, nil
}

func trimColon(s string) string {
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == ':') {
		s = s[:len(s)-1]
	}
	return s
}

// newError makes errors.retryable and errors.fatal, which take a message and an optional cause.
func newError(class classify.Class) vm.Builtin {
	return func(c *vm.Args) ([]lua.LValue, error) {
		err := &classify.Error{Class: class, Msg: c.Str(1, "message"), Cause: cause(c, c.Opt(2)), Detail: c.L.Where(1)}
		return []lua.LValue{c.State.ErrorValue(err)}, nil
	}
}

// cause returns the Go error of an error object, or of any other value that a script caught; nil for nil.
func cause(c *vm.Args, v lua.LValue) error {
	if v == nil || v == lua.LNil {
		return nil
	}
	if err := vm.GoError(v); err != nil {
		return err
	}
	return &vm.RaisedValue{Text: c.State.ToString(c.Ctx, v), Value: v}
}

// errorOptions are the fields of an error that a script makes.
type errorOptions struct {
	Kind    string         `lua:"kind"`
	Message string         `lua:"message"`
	Class   classify.Class `lua:"class"`
	Hint    string         `lua:"hint"`
	Cause   lua.LValue     `lua:"cause,any"`
}

var errorsNewOptions = option.Declare[errorOptions](1, "errors.new")

// errNew is errors.new{ … }.
func errNew(c *vm.Args) ([]lua.LValue, error) {
	if c.None(1) {
		c.Fail("argument 1 must be a table: errors.new{ kind = …, message = … }")
	}
	var o errorOptions
	readOptions(c, errorsNewOptions, &o)
	return vm.Ret(c.State.ErrorValue(&classify.Error{
		Kind: classify.Kind(o.Kind), Class: o.Class, Msg: o.Message, Hint: o.Hint, Detail: c.L.Where(1), Cause: cause(c, o.Cause),
	}))
}

func errJoin(c *vm.Args) ([]lua.LValue, error) {
	var all []error
	for _, v := range c.Rest(1) {
		if err := cause(c, v); err != nil {
			all = append(all, err)
		}
	}
	err := errors.Join(all...)
	if left := maxErrors; !withinLimit(err, &left) {
		return nil, classify.New(classify.ScriptLimit, "%s: more than %d errors in one", c.Name, maxErrors)
	}
	return []lua.LValue{c.State.ErrorValue(err)}, nil
}

// maxErrors bounds the errors in one that a script joins: joining an error with itself doubles them.
const maxErrors = 10_000

// withinLimit reports whether a tree has no more errors than left, and subtracts them.
func withinLimit(err error, left *int) bool {
	if *left--; err == nil || *left < 0 {
		return *left >= 0
	}
	switch x := err.(type) {
	case interface{ Unwrap() error }:
		return withinLimit(x.Unwrap(), left)
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(x.Unwrap(), func(err error) bool { return !withinLimit(err, left) })
	}
	return true
}
