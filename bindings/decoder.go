package bindings

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/suggest"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
)

// decoder decodes a policy's table. The operator's settings replace the keys of the table, in the table as well,
// so that the script sees them.
type decoder struct {
	host *host
	file string
	set  map[string]string
	used map[string]bool // settings that a key took
	keys []option.Option // every key that was read, with its full name

	settings []Setting       // every key with the value that will be used
	own      map[string]bool // by a policy's function: whether the script has its own
}

// section returns the option table in argument i of a call, decoded like the named section of a policy: uboot.stop,
// for example, takes the keys of the section uboot.
func (h *host) section(c *vm.Args, i int, name string) *section {
	d := &decoder{host: h, file: strings.TrimSuffix(strings.TrimSpace(c.L.Where(1)), ":"), used: map[string]bool{}, own: map[string]bool{}}
	return &section{decoder: d, path: name + ".", t: optionsArg(c, i)}
}

// declareSection declares that a function takes the keys of a policy's section in argument arg: those that read
// reads from an empty table.
func declareSection(arg int, function string, read func(*decoder, *section)) {
	d := &decoder{used: map[string]bool{}, own: map[string]bool{}}
	read(d, &section{decoder: d, t: &lua.LTable{}})
	option.DeclareKeys(arg, d.keys, function)
}

// section is one table of the policy.
type section struct {
	*decoder
	path  string // "uboot.", "" at the top
	t     *lua.LTable
	known []string
}

// section returns the section at key, an empty one if it is missing.
func (s *section) section(key string) *section {
	s.known = append(s.known, key)
	sub := &section{decoder: s.decoder, path: s.path + key + "."}
	switch v := s.t.RawGetString(key).(type) {
	case *lua.LNilType:
		sub.t = s.host.L.NewTable()
		for k := range s.set {
			if strings.HasPrefix(k, sub.path) {
				s.t.RawSetString(key, sub.t)
			}
		}
	case *lua.LTable:
		sub.t = v
	default:
		s.fail(key, "must be a table, not a %s", v.Type())
	}
	return sub
}

// rejectUnused refuses the operator's settings that no key took.
func (d *decoder) rejectUnused() {
	for _, k := range slices.Sorted(maps.Keys(d.set)) {
		if !d.used[k] {
			vm.Refuse(classify.New(classify.Usage, "--set %s=…: there is no policy key %[1]s%s", k, suggest.Nearest(k, option.Names(d.keys))))
		}
	}
}
