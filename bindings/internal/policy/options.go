package policy

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// Options are the keys of a policy's section as the options of a Lua function: uboot.stop, for example, takes the
// keys of uboot. They are read into a T.
type Options[T any] struct {
	name string // of the section
	arg  int    // position of the table in a call, from 1
	read func(*section) T
}

// DeclareConsole declares that a function takes the keys of console in argument arg. Like option.Declare, it must
// be called while packages are initialized.
func DeclareConsole(arg int, function string) Options[engine.Console] {
	return declare(arg, function, "console", readConsole)
}

// DeclareUBoot is DeclareConsole for the keys of uboot.
func DeclareUBoot(arg int, function string) Options[uboot.Config] {
	return declare(arg, function, "uboot", readUBoot)
}

// DeclareLinux is DeclareConsole for the keys of linux.
func DeclareLinux(arg int, function string) Options[shell.Config] {
	return declare(arg, function, "linux", readLinux)
}

// declare declares as options the keys that read reads from an empty table.
func declare[T any](arg int, function, name string, read func(*section) T) Options[T] {
	d := newDecoder(Reader{}, "")
	read(&section{decoder: d, t: &lua.LTable{}})
	option.DeclareKeys(arg, d.keys, function)
	return Options[T]{name, arg, read}
}

// Read reads the options of a call. Wrong and unknown ones refuse the call with an error of kind config.policy.
func (o Options[T]) Read(r Reader, c *vm.Args) T {
	d := newDecoder(r, strings.TrimSuffix(strings.TrimSpace(c.L.Where(1)), ":"))
	v := o.read(&section{decoder: d, path: o.name + ".", t: luaoption.Table(c, o.arg)})
	if err := d.err(Result{}); err != nil {
		vm.Refuse(err)
	}
	return v
}
