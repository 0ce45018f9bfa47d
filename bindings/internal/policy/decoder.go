package policy

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine/console"
)

// decoder decodes a policy's table. The operator's settings replace the keys of the table, in the table as well,
// so that the script sees them.
type decoder struct {
	reader Reader
	file   string
	set    map[string]string // the operator's settings, by their keys with dots
	used   map[string]bool   // settings that a key took
	keys   []option.Option   // every key that was read, with its full name

	variant  string   // that was chosen, "" is none
	overlaid []string // keys, with dots, that it replaces

	settings []Setting       // every key with the value that will be used
	own      map[string]bool // by a policy's function: whether the script has its own
	mistakes []placedMistake
	console  console.Pacing // of the section console, once it was read
}

func newDecoder(r Reader, file string) *decoder {
	return &decoder{reader: r, file: file, used: map[string]bool{}, own: map[string]bool{}}
}

// section is one table of the policy.
type section struct {
	*decoder
	path  string // "uboot.", "" at the top
	t     *lua.LTable
	known []string
}

// section returns the section at key, an empty one if it is missing or no table.
func (s *section) section(key string) *section {
	if !slices.Contains(s.known, key) {
		s.known = append(s.known, key)
	}
	sub := &section{decoder: s.decoder, path: s.path + key + "."}
	switch v := s.t.RawGetString(key).(type) {
	case *lua.LNilType:
		sub.t = newTable()
		for k := range s.set {
			if strings.HasPrefix(k, sub.path) {
				s.t.RawSetString(key, sub.t)
			}
		}
	case *lua.LTable:
		sub.t = v
	default:
		s.fail(key, "must be a table, not a %s", v.Type())
		sub.t = newTable()
	}
	return sub
}

// newTable returns an empty table. It needs no state: options are declared without one.
func newTable() *lua.LTable { return &lua.LTable{Metatable: lua.LNil} }

// rejectUnknownSettings records the operator's settings that no key took.
func (d *decoder) rejectUnknownSettings() {
	for _, k := range slices.Sorted(maps.Keys(d.set)) {
		if !d.used[k] {
			d.addMistake("--set", k, classify.New(classify.Usage, "--set %s=…: there is no policy key %[1]s%s", k, suggest.Nearest(k, option.Names(d.keys))))
		}
	}
}
