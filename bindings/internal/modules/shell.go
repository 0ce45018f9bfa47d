package modules

import (
	"context"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/policy"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/shell"
)

func init() {
	register("shell", func(c Config) map[string]vm.Builtin { return shellModule{c.Phase, c.Reader, c.Output}.functions() }, "login")
}

var shellLoginOptions = policy.DeclareLinux(2, "shell.login")

// shellModule is the Lua module shell.
type shellModule struct {
	phase  *Phase
	reader policy.Reader
	output *Output
}

func (m shellModule) functions() map[string]vm.Builtin {
	return map[string]vm.Builtin{
		"login": m.login,
		"quote": func(c *vm.Args) ([]lua.LValue, error) {
			return vm.Ret(lua.LString(console.Quote(lua51.Text(c, 1, "word"))))
		},
	}
}

// login is shell.login(console, [options]); the options are the keys of a policy's linux.
func (m shellModule) login(c *vm.Args) ([]lua.LValue, error) {
	if _, err := m.phase.requireProgram(c); err != nil {
		return nil, err
	}
	con := consoleArg(c, 1)
	config := shellLoginOptions.Read(m.reader, c)
	sh, err := shell.Login(c.Ctx, con, config, shell.Running, m.output.Say)
	if err != nil {
		return nil, err
	}
	return vm.Ret(newHandle(c.State, "shell", sh.Live, shellMethods(sh, func() error { return nil }), nil))
}

// shellMethods returns the methods of a shell in policies and programs. touch is called before a script's own
// command, and its error refuses it.
func shellMethods(sh *shell.Shell, touch func() error) map[string]vm.Builtin {
	return map[string]vm.Builtin{
		"run":  runner(sh.Run, touch),
		"exec": executer(sh.Exec, touch),
		"put": func(c *vm.Args) ([]lua.LValue, error) {
			path, content := c.Str(1, "path"), c.Str(2, "content")
			if err := touch(); err != nil {
				return nil, err
			}
			return nil, sh.Put(c.Ctx, path, content)
		},
		"network": func(c *vm.Args) ([]lua.LValue, error) {
			address, err := sh.Network(c.Ctx)
			return []lua.LValue{lua.LString(address)}, err
		},
	}
}

// commandOptions are those of a command on a board.
type commandOptions struct {
	Timeout time.Duration  `lua:"timeout"`
	Stall   time.Duration  `lua:"stall"`         // silence that ends the command
	Line    *lua.LFunction `lua:"line,function"` // called with each line of output as it comes
}

var runOptions = option.Declare[commandOptions](2, "uboot:run", "uboot:exec", "shell:run", "shell:exec")

// command reads the arguments of run and exec: a command, and options.
func command(c *vm.Args, touch func() error) (console.Command, error) {
	cmd := console.Command{Text: c.Str(1, "command")}
	var o commandOptions
	luaoption.Read(c, runOptions, &o)
	cmd.Timeout, cmd.Stall = o.Timeout, o.Stall
	if o.Line != nil {
		cmd.Line = func(line string) error {
			_, err := c.State.Call(c.Ctx, o.Line, lua.LString(line))
			return err
		}
	}
	return cmd, touch()
}

// runner makes run: a command that must exit 0, and whose output it returns.
func runner(do func(context.Context, console.Command) (string, error), touch func() error) vm.Builtin {
	return func(c *vm.Args) ([]lua.LValue, error) {
		cmd, err := command(c, touch)
		if err != nil {
			return nil, err
		}
		out, err := do(c.Ctx, cmd)
		return []lua.LValue{lua.LString(out)}, err
	}
}

// executer makes exec: a command that may fail. It returns the output and the exit code.
func executer(do func(context.Context, console.Command) (console.Result, error), touch func() error) vm.Builtin {
	return func(c *vm.Args) ([]lua.LValue, error) {
		cmd, err := command(c, touch)
		if err != nil {
			return nil, err
		}
		res, err := do(c.Ctx, cmd)
		return []lua.LValue{lua.LString(res.Output), lua.LNumber(res.Code)}, err
	}
}
