package labfile

import (
	"path/filepath"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/engine/lab"
)

// Place returns where a field of a station is written, "args.serial" for example, or else the station: "file:line",
// or the file alone. field may be "".
func (l *Lab) Place(station, field string) string {
	place := l.places[station]
	if field == "" {
		return place.at
	}
	for _, key := range []string{stationsKey + "." + station + "." + field, station + "." + field} {
		if at := l.reader.Key(key); at != "" {
			return at
		}
	}
	table, _, nested := strings.Cut(field, ".")
	switch {
	case nested && place.fields[table] != "":
		return place.fields[table]
	case nested:
		return l.Place(station, table)
	}
	return place.at
}

// DefaultPlace returns where the default of a flag is written.
func (l *Lab) DefaultPlace(flag string) string {
	return l.reader.place(defaultsKey+"."+flag, defaultsKey)
}

// place returns the place of the first key that has one, or the file.
func (r Reader) place(keys ...string) string {
	for _, key := range keys {
		if at := r.Key(key); at != "" {
			return at
		}
	}
	return r.File
}

// placeOf returns the place of a table, or the file.
func (r Reader) placeOf(t *lua.LTable) string {
	if at := r.Made(t); at != "" {
		return at
	}
	return r.File
}

// resolvePaths makes the paths of a station start at the folder of the lab file. What a command names is its own.
func (r Reader) resolvePaths(s *lab.Station) {
	if strings.Contains(s.Board, "/") || strings.HasSuffix(s.Board, ".lua") {
		s.Board = r.path(s.Board)
		if !strings.Contains(s.Board, "/") && !strings.HasSuffix(s.Board, ".lua") {
			s.Board = "./" + s.Board // not the name of a board that comes with flashlua
		}
	}
	if s.Files != "" {
		s.Files = r.path(s.Files)
	}
	s.Port, s.Power = r.spec(s.Port, "unix"), r.spec(s.Power, "qmp")
	for name, spec := range s.Consoles {
		s.Consoles[name] = r.spec(spec, "unix")
	}
	for name, spec := range s.Outputs {
		s.Outputs[name] = r.spec(spec, "qmp")
	}
	for _, values := range []map[string]string{s.Args, s.Set} {
		for name, v := range values {
			values[name] = r.spec(v, "file")
		}
	}
}

func (r Reader) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(r.Dir, p)
}

// spec returns a specification whose scheme is followed by a path, which it makes start at the folder.
func (r Reader) spec(spec, scheme string) string {
	if p, ok := strings.CutPrefix(spec, scheme+":"); ok && p != "" {
		return scheme + ":" + r.path(p)
	}
	return spec
}
