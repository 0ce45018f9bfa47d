package policy

import (
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/uboot"
)

// environment reads uboot.env, the variables that are set at each new prompt.
func (s *section) environment(c uboot.Config) map[string]string {
	s.declare("env", option.Texts)
	if v, ok := s.set[s.path+"env"]; ok {
		s.used[s.path+"env"] = true
		s.fail("env", "is a table: --set %senv.NAME=%s sets one variable", s.path, v)
		return nil
	}
	all, env := map[string]string{}, s.section("env")
	for _, name := range env.names() {
		switch v := env.get(name, option.String).(type) {
		case lua.LString:
			if err := c.CheckVariable(name, string(v)); err != nil {
				env.failBecause(name, err)
				continue
			}
			all[name] = string(v)
			env.record(name, string(v))
		case lua.LNumber:
			env.fail(name, `must be a string: U-Boot reads numbers as hexadecimal, so write what it is to read, "0x82000000"`)
		default:
			env.fail(name, "must be a string, not a %s", v.Type())
		}
	}
	return all
}

// commands reads one command of U-Boot, or a list of them.
func (s *section) commands(key string, c uboot.Config) (all []string) {
	t, isList := vm.TableIn(s.get(key, option.Prompts))
	if !isList {
		if one := s.str(key, ""); one != "" {
			all = []string{one}
		}
	} else {
		for i := range t.Len() {
			text, ok := t.RawGetInt(i + 1).(lua.LString)
			if !ok {
				s.fail(key, "must be a list of commands: number %d is a %s", i+1, t.RawGetInt(i+1).Type())
				return nil
			}
			all = append(all, string(text))
		}
		t.ForEach(func(k, _ lua.LValue) {
			if _, ok := k.(lua.LNumber); !ok {
				s.fail(key, "must be a list of commands, without the key %s", k.String())
			}
		})
	}
	shown := []any{}
	for _, cmd := range all {
		if strings.TrimSpace(cmd) == "" {
			s.fail(key, "has an empty command")
			return nil
		}
		if err := c.CheckCommand(cmd); err != nil {
			s.failBecause(key, err)
			return nil
		}
		shown = append(shown, cmd)
	}
	s.record(key, shown)
	return all
}

// memory reads a range of the board's RAM, { address, size }.
func (s *section) memory(key string) uboot.RAM {
	const form = `must be { address, size }, as in { 0x42000000, "256M" }`
	v := s.get(key, option.Memory)
	if v == lua.LNil {
		s.record(key, []any{})
		return uboot.RAM{}
	}
	t, ok := vm.TableIn(v)
	named := false
	if ok {
		t.ForEach(func(k, _ lua.LValue) { named = named || k != lua.LNumber(1) && k != lua.LNumber(2) })
	}
	if !ok || named || t.RawGetInt(1) == lua.LNil || t.RawGetInt(2) == lua.LNil {
		s.fail(key, form)
		return uboot.RAM{}
	}
	at := engine.File{}
	err := readAddress(&at, t.RawGetInt(1))
	size, sizeErr := luaoption.Value(option.Size, t.RawGetInt(2))
	n, _ := size.(int64)
	switch {
	case err != nil:
		s.fail(key, "%v", err)
	case at.Variable != "":
		s.fail(key, "has the address ${%s}: it must be a number, 0x42000000", at.Variable)
	case sizeErr != nil:
		s.fail(key, "has a wrong size: it %v", sizeErr)
	case at.Address+uint64(n)-1 < at.Address:
		s.fail(key, "ends beyond the last address of 64 bits: %#x and %d bytes", at.Address, n)
	default:
		s.record(key, []any{at.Address, n})
		return uboot.RAM{Address: at.Address, Size: n}
	}
	return uboot.RAM{}
}

// failBecause records that a key is wrong, with the text and the hint of an error.
func (s *section) failBecause(key string, err error) {
	if hint := classify.Facts(err).Hint; hint != "" {
		err = errors.New(err.Error() + ": " + hint)
	}
	s.fail(key, "cannot be used: %v", err)
}
