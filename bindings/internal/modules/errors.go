package modules

import (
	"errors"
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

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
var errorFields = []string{"kind", "class", "step", "attempt", "try", "history", "message", "hint", "target", "cause"}

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
	case "try":
		if f.Try == 0 {
			return lua.LNil, true
		}
		return lua.LNumber(f.Try), true
	case "history":
		return errorHistory(s, f.Earlier), true
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

// errorHistory returns a list that scripts only read.
func errorHistory(s *vm.State, errs []error) lua.LValue {
	x := &vm.ReadOnly{Kind: "history", Values: s.L.NewTable(), List: true}
	for _, err := range errs {
		x.Values.Append(s.ErrorValue(err))
	}
	return s.Record(x)
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
