// Package option holds the options of flashlua's Lua functions as data: their names, kinds, and which are
// required.
//
// It owns the declarations. Each is made once, from the struct that a binding reads the options into, or from
// the keys of a policy's section. The binding, `flashlua check`, and the tests of the LuaCATS stub and of the
// documents read them. It does not know Lua's values or syntax: both sides bring an option's value as a Go
// value.
package option

import (
	"slices"
	"strings"
)

// Option is one option. Plain data.
type Option struct {
	Name     string
	Kind     Kind
	Required bool
}

// Function is a Lua function or method that takes a table of options. Plain data.
type Function struct {
	Name    string // "power.open" for a module's function, "shell:run" for an object's method
	Arg     int    // position of the table in a call, from 1; the object of a method is not counted
	Options []Option
}

// Method returns the name behind the dot or the colon.
func (f Function) Method() string { return f.Name[strings.IndexAny(f.Name, ".:")+1:] }

// Names returns the names of the options, in the order of their declaration.
func (f Function) Names() []string { return Names(f.Options) }

// Option returns the option of that name.
func (f Function) Option(name string) (Option, bool) {
	i := slices.IndexFunc(f.Options, func(o Option) bool { return o.Name == name })
	if i < 0 {
		return Option{}, false
	}
	return f.Options[i], true
}

// Names returns the names of options.
func Names(options []Option) []string {
	var all []string
	for _, o := range options {
		all = append(all, o.Name)
	}
	return all
}

// declared are the functions, filled while packages are initialized and only read afterwards.
var declared []Function

// Declared returns every function that takes options, sorted by name.
func Declared() []Function {
	return slices.SortedFunc(slices.Values(declared), func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
}

// Of returns the declared function of that name.
func Of(name string) (Function, bool) {
	i := slices.IndexFunc(declared, func(f Function) bool { return f.Name == name })
	if i < 0 {
		return Function{}, false
	}
	return declared[i], true
}

// DeclareKeys declares that functions take these options in argument arg. It must be called while packages are
// initialized.
func DeclareKeys(arg int, options []Option, functions ...string) {
	for _, name := range functions {
		if _, twice := Of(name); twice {
			panic("the options of " + name + " are declared twice")
		}
		declared = append(declared, Function{name, arg, options})
	}
}
