package modules

import (
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
)

func init() {
	register("host", func(c Config) map[string]vm.Builtin { return hostModule{c.Phase, c.Allow}.functions() })
}

// hostModule is the Lua module host.
type hostModule struct {
	phase *Phase
	allow grants
}

func (m hostModule) functions() map[string]vm.Builtin {
	return map[string]vm.Builtin{"run": m.run, "fastboot": m.fastboot}
}

type hostOptions struct {
	Timeout time.Duration `lua:"timeout"`
	Shell   bool          `lua:"shell"` // the command is a text for sh
}

var hostRunOptions = option.Declare[hostOptions](2, "host.run")

// run is host.run(command, [options]). It returns the output and the exit code.
func (m hostModule) run(c *vm.Args) ([]lua.LValue, error) {
	var o hostOptions
	luaoption.Read(c, hostRunOptions, &o)
	cmd := engine.HostCommand{Timeout: o.Timeout}
	var err error
	if o.Shell {
		cmd.Shell = c.Str(1, "command")
		if strings.TrimSpace(cmd.Shell) == "" {
			c.Fail("argument 1, the command, must not be empty")
		}
		err = m.allow.checkLine(cmd.Shell)
	} else {
		cmd.Words = commandWords(c)
		err = m.allow.checkWords(cmd.Words)
	}
	if err != nil {
		return nil, err
	}
	output, code, err := m.phase.runHostCommand(c, cmd)
	if err != nil {
		return nil, err
	}
	return []lua.LValue{lua.LString(output), lua.LNumber(code)}, nil
}

// commandWords reads the executable and its arguments.
func commandWords(c *vm.Args) (words []string) {
	if _, ok := c.Opt(1).(lua.LString); ok {
		c.Fail(`argument 1, the command, must be a list of words, { "relay", "-n", "4" }; a text for a shell needs { shell = true }`)
	}
	list, ok := vm.TableIn(c.Any(1, "command"))
	if !ok {
		c.Fail("argument 1, the command, must be a list of words, not a %s", c.Opt(1).Type())
	}
	for i := 1; i <= list.Len(); i++ {
		switch v := list.RawGetInt(i).(type) {
		case lua.LString, lua.LNumber:
			words = append(words, v.String())
		default:
			c.Fail("argument 1, the command, must be a list of words: number %d is a %s", i, v.Type())
		}
		if strings.ContainsRune(words[i-1], 0) {
			c.Fail("argument 1, the command: number %d has a zero byte", i)
		}
	}
	if len(words) == 0 || words[0] == "" {
		c.Fail("argument 1, the command, must not be empty")
	}
	return words
}
