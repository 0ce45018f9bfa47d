package policy

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
)

// fail records that a key is wrong. The caller goes on with the key's default.
func (s *section) fail(key, format string, a ...any) {
	path := s.path + key
	shown := s.ofVariant(path)
	where := s.reader.Where(s.file, shown)
	if _, ok := s.set[path]; ok {
		where, shown = "--set", path
	}
	s.addMistake(where, path, classify.New(classify.ConfigPolicy, "%s: %s %s", where, shown, fmt.Sprintf(format, a...)))
}

// declare records that the section has a key. The first kind that is recorded stays.
func (s *section) declare(key string, kind option.Kind) {
	if s.known = append(s.known, key); !slices.Contains(option.Names(s.keys), s.path+key) {
		s.keys = append(s.keys, option.Option{Name: s.path + key, Kind: kind})
	}
}

// get returns the value of a key: the operator's if there is one.
func (s *section) get(key string, kind option.Kind) lua.LValue {
	s.declare(key, kind)
	if v, ok := s.set[s.path+key]; ok {
		s.used[s.path+key] = true
		s.t.RawSetString(key, lua.LString(v))
		return lua.LString(v)
	}
	return s.t.RawGetString(key)
}

// record keeps the value that a key will have.
func (s *section) record(key string, value any) {
	at := slices.IndexFunc(s.settings, func(x Setting) bool { return x.Key == s.path+key })
	if at < 0 {
		s.settings = append(s.settings, Setting{s.path + key, value})
		return
	}
	s.settings[at].Value = value
}

func (s *section) str(key, otherwise string) string {
	text := otherwise
	switch v := s.get(key, option.String).(type) {
	case *lua.LNilType:
	case lua.LString:
		text = string(v)
	default:
		s.fail(key, "must be a string, not a %s", v.Type())
	}
	s.record(key, text)
	return text
}

// number reads a number. The operator's is a text in Go's notation.
func (s *section) number(key string, otherwise float64) float64 {
	n := s.readNumber(key, option.Number, otherwise)
	s.record(key, n)
	return n
}

// readNumber is number without recording the value.
func (s *section) readNumber(key string, kind option.Kind, otherwise float64) float64 {
	v := s.get(key, kind)
	if text, ok := v.(lua.LString); ok && s.used[s.path+key] {
		n, err := strconv.ParseInt(string(text), 0, 64)
		f := float64(n)
		if err != nil {
			f, err = strconv.ParseFloat(string(text), 64)
		}
		if err != nil {
			s.fail(key, "must be a number, not %q", string(text))
			return otherwise
		}
		s.t.RawSetString(key, lua.LNumber(f))
		return f
	}
	switch v := v.(type) {
	case *lua.LNilType:
		return otherwise
	case lua.LNumber:
		return float64(v)
	default:
		s.fail(key, "must be a number, not a %s", v.Type())
		return otherwise
	}
}

func (s *section) nonNegative(key string, otherwise int) int {
	n := s.readNumber(key, option.Integer, float64(otherwise))
	if n < 0 || n != math.Trunc(n) || n > math.MaxInt32 {
		s.fail(key, "must be a whole number from 0 up")
		n = float64(otherwise)
	}
	s.record(key, n)
	return int(n)
}

func (s *section) boolean(key string, otherwise bool) bool {
	b := otherwise
	switch v := s.get(key, option.Boolean).(type) {
	case *lua.LNilType:
	case lua.LBool:
		b = bool(v)
	case lua.LString: // set by the operator
		if v != "true" && v != "false" {
			s.fail(key, "must be true or false, not %q", string(v))
		}
		b = v == "true"
		s.t.RawSetString(key, lua.LBool(b))
	default:
		s.fail(key, "must be true or false, not a %s", v.Type())
	}
	s.record(key, b)
	return b
}

// duration reads a duration of more than 0.
func (s *section) duration(key string, otherwise time.Duration) time.Duration {
	return s.readDuration(key, option.Duration, otherwise)
}

// pause reads a duration that may be 0.
func (s *section) pause(key string, otherwise time.Duration) time.Duration {
	return s.readDuration(key, option.Pause, otherwise)
}

func (s *section) readDuration(key string, kind option.Kind, otherwise time.Duration) time.Duration {
	d := otherwise
	if v := s.get(key, kind); v != lua.LNil {
		if given, err := luaoption.Value(kind, v); err == nil {
			d = given.(time.Duration)
		} else {
			s.fail(key, "%v", err)
		}
	}
	s.record(key, d.String())
	return d
}

func (s *section) function(key string) *lua.LFunction {
	s.known = append(s.known, key)
	v := s.t.RawGetString(key)
	s.own[key] = v != lua.LNil
	switch v := v.(type) {
	case *lua.LNilType:
		return nil
	case *lua.LFunction:
		return v
	default:
		s.fail(key, "must be a function, not a %s", v.Type())
		return nil
	}
}

// names returns the keys of a table in which a policy chooses the names, sorted, with those that the operator
// adds.
func (s *section) names() []string {
	names := map[string]bool{}
	s.t.ForEach(func(k, _ lua.LValue) {
		if name, ok := k.(lua.LString); ok {
			names[string(name)] = true
		} else {
			s.fail(k.String(), "must be a name")
		}
	})
	for k := range s.set {
		if name, ok := strings.CutPrefix(k, s.path); ok && !strings.Contains(name, ".") {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// rejectUnused refuses keys that were not read.
func (s *section) rejectUnused() {
	s.t.ForEach(func(k, _ lua.LValue) {
		if name, ok := k.(lua.LString); !ok || !slices.Contains(s.known, string(name)) {
			near := suggest.Name(k.String(), s.known)
			if places := s.elsewhere(k.String()); len(places) > 0 {
				near = "; did you mean " + strings.Join(places, " or ") + "?"
			}
			s.fail(k.String(), "is not a policy key%s", near)
		}
	})
}

// elsewhere returns the full names of a key in the sections that have been read, and at the top.
func (d *decoder) elsewhere(key string) (all []string) {
	for _, o := range d.keys {
		section, name, nested := strings.Cut(o.Name, ".")
		if !nested {
			section, name = "", o.Name
		}
		if name == key && !slices.Contains(freeNames, section) {
			all = append(all, o.Name)
		}
	}
	return all
}

// freeNames are the sections whose keys are names that a policy chooses.
var freeNames = []string{"files", "targets", "args"}
