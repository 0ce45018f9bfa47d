package modules

import (
	"errors"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
)

// errClassify returns the class by the built-in rules of an error, or of any value that was caught, and the rule.
func errClassify(c *vm.Args) ([]lua.LValue, error) {
	err := cause(c, c.Any(1, "error"))
	if err == nil {
		c.Fail("argument 1, the error, is nil")
	}
	d := (&classify.Classifier{}).Decide(nil, err)
	return []lua.LValue{lua.LString(d.Class.String()), lua.LString(d.Rule)}, nil
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
	luaoption.Read(c, errorsNewOptions, &o)
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
