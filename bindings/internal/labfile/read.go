// Package labfile reads the table that a lab file returns: the stations of a lab, and defaults of flags.
//
// It owns the shape of that table, the lines of its mistakes, and what paths in it are relative to. It does not know
// how a file is found or run, nor the policies of the boards. The rules for stations are in engine/lab.
package labfile

import (
	"fmt"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine/lab"
)

// The keys of the table.
const (
	stationsKey = "stations"
	defaultsKey = "defaults"
)

// IsLab reports whether a table is that of a lab file, and not of a policy.
func IsLab(t *lua.LTable) bool { return t.RawGetString(stationsKey) != lua.LNil }

// Misspelled returns ", but with the key NAME" for a key of the table that is nearly that of the stations, or "".
func Misspelled(t *lua.LTable) string {
	var keys []string
	t.ForEach(func(k, _ lua.LValue) {
		if name, ok := k.(lua.LString); ok {
			keys = append(keys, string(name))
		}
	})
	slices.Sort(keys)
	for _, key := range keys {
		if suggest.Nearest(key, []string{stationsKey}) != "" {
			return ", but with the key " + key
		}
	}
	return ""
}

// Reader reads a table. Its functions return "file:line", and "" for a place that is not known.
type Reader struct {
	File string // for messages
	Dir  string // that relative paths start at
	Key  func(dotted string) string
	Made func(t *lua.LTable) string // where a table was written

	Repeated []Repeated
}

// Repeated is a key that a table of the file has twice, so that its first value is lost. Plain data.
type Repeated struct {
	Key   string
	Place string // of the second one
	First int    // line of the first one
}

// Mistake is something wrong in a lab file. Plain data.
type Mistake struct {
	Station string // "" is none in particular
	Field   string // of the station, or key of the table; "" is all of it
	Err     error  // its text begins with the place
}

// Lab is what a lab file returned. Plain data.
type Lab struct {
	Stations []lab.Station
	Defaults map[string]string // values of flags, by name
	Mistakes []Mistake
	places   map[string]stationPlace
	reader   Reader
}

// stationPlace is where a station is written.
type stationPlace struct {
	at     string
	fields map[string]string // places of the tables in it, by the field
}

// Read reads a table.
func (r Reader) Read(t *lua.LTable) *Lab {
	l := &Lab{places: map[string]stationPlace{}, reader: r}
	known := []string{stationsKey, defaultsKey}
	t.ForEach(func(k, _ lua.LValue) {
		if name, ok := k.(lua.LString); !ok || !slices.Contains(known, string(name)) {
			l.fail("", k.String(), r.place(k.String()), "%s is not a key of a lab file%s", k, suggest.Name(k.String(), known))
		}
	})
	if stations, ok := vm.TableIn(t.RawGetString(stationsKey)); ok {
		l.readStations(stations)
	} else {
		l.fail("", stationsKey, r.place(stationsKey), `stations must be a table, { ["NAME"] = { board = "…", port = "…", power = "…" } }, not a %s`, t.RawGetString(stationsKey).Type())
	}
	for _, k := range r.Repeated { // which of both is meant is not known
		station := ""
		if _, ok := l.places[k.Key]; ok {
			station = k.Key
		}
		l.fail(station, k.Key, k.Place, "%s is in this table twice, first in line %d: remove one of them", k.Key, k.First)
	}
	if v := t.RawGetString(defaultsKey); v != lua.LNil {
		l.readDefaults(v)
	}
	l.reader.Made = nil // it keeps all tables
	return l
}

func (l *Lab) readStations(t *lua.LTable) {
	t.ForEach(func(k, v lua.LValue) {
		name, isText := k.(lua.LString)
		table, isTable := vm.TableIn(v)
		at := l.reader.place(stationsKey+"."+k.String(), k.String())
		switch {
		case !isText:
			if isTable {
				at = l.reader.placeOf(table)
			}
			l.fail(k.String(), "", at, `a station has a name, not the number %s: write ["bench-%[1]s"] = { … }`, k)
		case !isTable:
			l.fail(string(name), "", at, `station %s must be a table, { board = "…", port = "…", power = "…" }, not a %s`, name, v.Type())
		default:
			l.readStation(string(name), table)
		}
	})
}

func (l *Lab) readStation(name string, t *lua.LTable) {
	place := stationPlace{l.reader.Key(stationsKey + "." + name), map[string]string{}}
	if place.at == "" {
		place.at = l.reader.placeOf(t)
	}
	l.places[name] = place
	s := lab.Station{Name: name}
	for _, f := range fields {
		v := t.RawGetString(f.Name)
		if v == lua.LNil {
			continue
		}
		if inner, ok := vm.TableIn(v); ok {
			place.fields[f.Name] = l.reader.Made(inner)
		}
		value, err := f.value(v)
		if err != nil {
			l.fail(name, f.Name, l.Place(name, f.Name), "station %s: %s %v", name, f.Name, err)
			continue
		}
		f.assign(&s, value)
	}
	if t.Metatable != nil && t.Metatable != lua.LNil {
		l.fail(name, "", place.at, "station %s has a metatable, whose fields are not read: copy them into the table", name)
	}
	known := option.Names(Fields())
	t.ForEach(func(k, _ lua.LValue) {
		if key, ok := k.(lua.LString); !ok || !slices.Contains(known, string(key)) {
			l.fail(name, k.String(), l.Place(name, k.String()), "station %s: %s is not a field of a station%s", name, k, suggest.Name(k.String(), known))
		}
	})
	l.reader.resolvePaths(&s)
	l.Stations = append(l.Stations, s)
}

func (l *Lab) readDefaults(v lua.LValue) {
	value, err := field{Option: option.Option{Kind: option.Values}}.value(v)
	if err != nil {
		l.fail("", defaultsKey, l.reader.place(defaultsKey), "defaults %v", err)
		return
	}
	l.Defaults = value.(map[string]string)
}

func (l *Lab) fail(station, field, at, format string, a ...any) {
	l.Mistakes = append(l.Mistakes, Mistake{station, field, classify.New(classify.ConfigLab, "%s: %s", at, fmt.Sprintf(format, a...))})
}
