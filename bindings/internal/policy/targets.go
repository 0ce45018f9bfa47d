package policy

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/engine"
)

// readTargets reads the media that can be written. method is what writes them in the default sequence.
func readTargets(s *section, method engine.Method) map[string]engine.Target {
	targets := map[string]engine.Target{}
	for _, name := range s.names() {
		t := engine.Target{Name: name}
		switch v := s.get(name, option.Any).(type) {
		case lua.LString:
			t.Path = string(v)
			s.record(name, t.Path)
		case *lua.LTable:
			t = readTarget(&section{decoder: s.decoder, path: s.path + name + ".", t: v}, name)
		}
		if s.mistaken(s.path + name) {
			continue
		}
		if wrong := s.wrongTarget(t, method); wrong != "" {
			s.fail(name, "%s", wrong)
			continue
		}
		targets[name] = t
	}
	return targets
}

func readTarget(s *section, name string) engine.Target {
	t := engine.Target{
		Name: name,
		Path: s.str("path", ""), Sysfs: s.str("sysfs", ""), UBoot: s.str("uboot", ""),
		Part: s.str("part", ""), Offset: s.size("offset"), Layout: s.str("layout", ""), ClearForceRO: s.boolean("clear_force_ro", false),
	}
	s.rejectUnused()
	if t.UBoot != "" && !s.mistaken(strings.TrimSuffix(s.path, ".")) {
		named := engine.Target{Name: name, UBoot: t.UBoot, Part: t.Part, Offset: t.Offset, Layout: t.Layout}
		if err := named.Check(); err != nil {
			s.failBecause("uboot", err)
		}
	}
	return t
}

// wrongTarget returns what is wrong with the names of a target, "" if nothing is.
func (s *section) wrongTarget(t engine.Target, method engine.Method) string {
	inLinux := t.Path != "" || t.Sysfs != ""
	switch {
	case t.Path != "" && t.Sysfs != "":
		return "has path and sysfs: one of them is enough for Linux to find the device, so remove the other"
	case !inLinux && t.UBoot == "", t.Path != "" && !strings.HasPrefix(t.Path, "/"), strings.Contains(t.Sysfs, "/"):
		wrong := `must be a device, "/dev/…", an address, { sysfs = "4fb0000" }, or a medium of U-Boot, { uboot = "mmc 0" }`
		if t.Path != "" && (engine.Target{Name: t.Name, UBoot: t.Path}).Check() == nil {
			wrong += `: write { uboot = "` + t.Path + `" }`
		}
		return wrong
	case t.Offset != 0 && t.UBoot == "":
		return `has an offset, which Linux does not take: only a medium of U-Boot, uboot = "mmc 0", can be written from an offset on`
	case t.Offset != 0 && inLinux && method != engine.ByUBoot && !s.mistaken("method"):
		return `has an offset, which Linux does not take: set method = "uboot", or leave the target to U-Boot without path and sysfs`
	case t.Layout != "" && t.UBoot == "":
		return `has a layout, which Linux does not take: it is for a NAND chip of U-Boot, uboot = "nand 0"`
	case t.ClearForceRO && !inLinux:
		return `has clear_force_ro, which is for Linux: U-Boot writes a boot partition by its name, uboot = "mmc 0.boot0"`
	}
	return ""
}

// size reads a number of bytes, 0 without a value.
func (s *section) size(key string) int64 {
	var n int64
	if v := s.get(key, option.Size); v != lua.LNil && v != lua.LNumber(0) && v != lua.LString("0") {
		given, err := luaoption.Value(option.Size, v)
		if err != nil {
			s.fail(key, `must be a number of bytes, or a text with K, M, G or T after a number, "512K"`)
		} else {
			n = given.(int64)
		}
	}
	s.record(key, n)
	return n
}
