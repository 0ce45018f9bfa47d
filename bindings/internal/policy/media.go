package policy

import (
	"math"
	"regexp"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/engine"
)

var fileName = regexp.MustCompile(`^[A-Za-z_]\w*$`)

func readFiles(s *section) map[string]engine.File {
	files := map[string]engine.File{}
	for _, name := range s.names() {
		if !fileName.MatchString(name) {
			s.fail(name, "is not a name: it becomes a part of U-Boot variables")
			continue
		}
		t, ok := s.t.RawGetString(name).(*lua.LTable)
		if !ok {
			s.fail(name, `must be { "file", address }`)
			continue
		}
		path, ok1 := t.RawGetInt(1).(lua.LString)
		address, ok2 := t.RawGetInt(2).(lua.LNumber)
		if !ok1 || !ok2 || path == "" || address < 0 || float64(address) != math.Trunc(float64(address)) || t.Len() != 2 {
			s.fail(name, `must be { "file", address }`)
			continue
		}
		files[name] = engine.File{Path: string(path), Address: uint64(address)}
		s.record(name, []any{string(path), uint64(address)})
	}
	return files
}

func readTargets(s *section) map[string]engine.Target {
	targets := map[string]engine.Target{}
	for _, name := range s.names() {
		t := engine.Target{Name: name}
		switch v := s.get(name, option.Any).(type) {
		case lua.LString:
			t.Path = string(v)
			s.record(name, t.Path)
		case *lua.LTable:
			sub := &section{decoder: s.decoder, path: s.path + name + ".", t: v}
			t.Path, t.Sysfs, t.Part = sub.str("path", ""), sub.str("sysfs", ""), sub.str("part", "")
			t.ClearForceRO = sub.boolean("clear_force_ro", false)
			sub.rejectUnused()
		}
		if s.mistaken(s.path + name) {
			continue
		}
		if (t.Path == "") == (t.Sysfs == "") || t.Path != "" && !strings.HasPrefix(t.Path, "/") || strings.Contains(t.Sysfs, "/") {
			s.fail(name, `must be a device, "/dev/…", or an address, { sysfs = "4fb0000" }`)
			continue
		}
		targets[name] = t
	}
	return targets
}
