package policy

import (
	"fmt"
	"path/filepath"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine"
)

// maxUImageName is how many bytes of a file's name the header of a uImage holds.
const maxUImageName = 32

// uimage reads the header of a file: true, or a table with its fields. It returns nil if there is none.
func (s *section) uimage(f engine.File) *engine.UImage {
	var t *lua.LTable
	switch v := s.get("uimage", option.Any); {
	case v == lua.LNil || v == lua.LFalse || v == lua.LString("false") && s.used[s.path+"uimage"]:
		return nil
	case v == lua.LTrue || v == lua.LString("true") && s.used[s.path+"uimage"]:
		t = newTable()
	default:
		var ok bool
		if t, ok = v.(*lua.LTable); !ok {
			s.fail("uimage", `must be true, or a table, { arch = "arm" }, not a %s`, v.Type())
			return nil
		}
	}
	sub := &section{decoder: s.decoder, path: s.path + "uimage.", t: t}
	name := filepath.Base(f.Path)
	u := &engine.UImage{
		Arch: sub.str("arch", "arm"), Type: sub.str("type", "kernel"), Compression: sub.str("compression", "none"),
		Name: sub.str("name", name[:min(len(name), maxUImageName)]),
	}
	known := f.Variable == "" && !f.NoAddress || t.RawGetString("load") != lua.LNil
	load := f.Address
	switch u.Type {
	case "kernel_noload", "ramdisk": // U-Boot leaves them where they are
		load, known = 0, true
	}
	u.Load = sub.address("load", load)
	u.Entry = sub.address("entry", u.Load)
	sub.rejectUnused()
	switch err := u.Check(); {
	case s.mistaken(s.path + "uimage"):
	case err != nil:
		s.fail("uimage", "%v", err)
	case !known && f.NoAddress:
		s.fail("uimage", "needs load = 0x…, the address where the kernel runs: the file has no address")
	case !known:
		s.fail("uimage", "needs load = 0x…, the address where the kernel runs: that of the file, ${%s}, is known only when the board is on", f.Variable)
	}
	return u
}

// address reads an address in RAM.
func (s *section) address(key string, otherwise uint64) uint64 {
	f := engine.File{Address: otherwise}
	if v := s.get(key, option.Any); v != lua.LNil {
		err := readAddress(&f, v)
		if err == nil && f.Variable != "" {
			err = fmt.Errorf("is ${%s}: it must be a number, because the header is made before the board is on", f.Variable)
		}
		if err != nil {
			s.fail(key, "%v", err)
			return otherwise
		}
	}
	s.record(key, f.Address)
	return f.Address
}

// optional reads a string that is recorded only if it is there.
func (s *section) optional(key string) string {
	switch v := s.get(key, option.String).(type) {
	case *lua.LNilType:
	case lua.LString:
		if v == "" {
			s.fail(key, "must not be empty")
			return ""
		}
		s.record(key, string(v))
		return string(v)
	default:
		s.fail(key, "must be a string, not a %s", v.Type())
	}
	return ""
}

// rejectUnusedNames refuses keys that are names and were not read, in a table that is a list as well.
func (s *section) rejectUnusedNames() {
	s.t.ForEach(func(k, _ lua.LValue) {
		if name, ok := k.(lua.LString); ok && !slices.Contains(s.known, string(name)) {
			s.fail(string(name), "is not a policy key%s", suggest.Name(string(name), s.known))
		}
	})
}
