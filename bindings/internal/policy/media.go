package policy

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/engine"
)

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
