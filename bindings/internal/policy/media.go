package policy

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/engine"
)

// rejectFilesForTFTP records files that the policy's settings do not let U-Boot load.
func (s *section) rejectFilesForTFTP(p *engine.Policy) {
	files := &section{decoder: s.decoder, path: "files."}
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		switch f := p.Files[name]; {
		case f.NoAddress && !s.own["flash"]:
			files.fail(name, `must be { "file", address }: the default sequence loads it with U-Boot. Only a flash of the policy's own can use a file without an address, by s:serve(%q)`, name)
		case !f.NoAddress && p.Net.NoTFTP && !s.own["flash"]:
			files.fail(name, "has an address for U-Boot, which loads by TFTP, but net.tftp_server is false: remove one of them, or load it another way in a flash of the policy's own")
		}
	}
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
