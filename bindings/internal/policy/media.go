package policy

import (
	"maps"
	"math"
	"regexp"
	"slices"
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
		if path := fileWithoutAddress(s.t.RawGetString(name)); path != "" {
			files[name] = engine.File{Path: path, NoAddress: true}
			s.record(name, []any{path})
			continue
		}
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

// fileWithoutAddress returns the path of a file that is "file" or { "file" }, "" for other values.
func fileWithoutAddress(v lua.LValue) string {
	if t, ok := v.(*lua.LTable); ok && t.Len() == 1 {
		v = t.RawGetInt(1)
	}
	path, _ := v.(lua.LString)
	return string(path)
}

// rejectFilesForTFTP records files that the policy's settings do not let U-Boot load.
func (s *section) rejectFilesForTFTP(p *engine.Policy) {
	files := &section{decoder: s.decoder, path: "files."}
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		switch f := p.Files[name]; {
		case f.NoAddress && !s.own["flash"]:
			files.fail(name, `must be { "file", address }: the default sequence loads it with U-Boot. Only a flash of the policy's own can use a file without an address, by s:serve(%q)`, name)
		case !f.NoAddress && p.Net.NoTFTP:
			files.fail(name, "has an address for U-Boot, which loads by TFTP, but net.tftp_server is false: remove one of them")
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
