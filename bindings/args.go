package bindings

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
)

// builtin is a function of ours as Lua sees it. An error is raised as an error object.
type builtin func(c *args) ([]lua.LValue, error)

// args are the arguments of one call.
type args struct {
	*vm.Args
	ctx  context.Context
	name string // of the function, for messages
}

// function makes a builtin callable from Lua.
func (h *host) function(name string, skip int, f builtin) *lua.LFunction {
	return h.Function(name, skip, func(c *vm.Args) ([]lua.LValue, error) { return f(&args{c, c.Ctx, c.Name}) })
}

// engineCall makes a builtin that calls the engine. The count of the script's steps begins anew with it.
func (h *host) engineCall(name string, skip int, f builtin) *lua.LFunction {
	return h.function(name, skip, func(c *args) ([]lua.LValue, error) {
		h.Watchdog.Renew()
		defer h.Watchdog.Renew()
		c.ctx = console.WithCaller(c.ctx, h.Line(c.L))
		return f(c)
	})
}

// ret returns one result.
func ret(v lua.LValue) ([]lua.LValue, error) { return vm.Ret(v) }

// tableIn returns the table to read v by, if v is a table.
func tableIn(v lua.LValue) (*lua.LTable, bool) { return vm.TableIn(v) }

func (c *args) fail(format string, a ...any)      { c.Fail(format, a...) }
func (c *args) opt(i int) lua.LValue              { return c.Opt(i) }
func (c *args) any(i int, what string) lua.LValue { return c.Any(i, what) }
func (c *args) rest(i int) []lua.LValue           { return c.Rest(i) }
func (c *args) none(i int) bool                   { return c.None(i) }
func (c *args) str(i int, what string) string     { return c.Str(i, what) }

func (c *args) strDefault(i int, what, otherwise string) string {
	if c.none(i) {
		return otherwise
	}
	return c.str(i, what)
}

func (c *args) intDefault(i int, what string, otherwise int) int { return c.Int(i, what, otherwise) }

func (c *args) function(i int, what string) *lua.LFunction {
	f, ok := c.any(i, what).(*lua.LFunction)
	if !ok {
		c.fail("argument %d, the %s, must be a function, not a %s", i, what, c.opt(i).Type())
	}
	return f
}

// options gives the option table at i, which may be missing.
func (c *args) options(i int) *options {
	o := &options{c: c}
	switch t := c.opt(i).(type) {
	case *lua.LNilType:
		o.t = c.L.NewTable()
	case *lua.LTable:
		o.t, _ = tableIn(t)
	default:
		c.fail("argument %d must be a table of options, not a %s", i, t.Type())
	}
	return o
}

// options are read by name; done refuses those that nobody asked for.
type options struct {
	c     *args
	t     *lua.LTable
	known []string
}

func (o *options) get(name string) lua.LValue {
	o.known = append(o.known, name)
	return o.t.RawGetString(name)
}

func (o *options) duration(name string) time.Duration {
	v := o.get(name)
	if v == lua.LNil {
		return 0
	}
	d, err := duration(v)
	if err != nil {
		o.c.fail("option %s %v", name, err)
	}
	return d
}

// text reads a string; a missing one is "".
func (o *options) text(name string) string {
	v := o.get(name)
	if v == lua.LNil {
		return ""
	}
	s, ok := v.(lua.LString)
	if !ok {
		o.c.fail("option %s must be a string, not a %s", name, v.Type())
	}
	return string(s)
}

// strings reads a table of names and texts.
func (o *options) strings(name string) map[string]string {
	t, ok := tableIn(o.get(name))
	if !ok {
		if v := o.t.RawGetString(name); v != lua.LNil {
			o.c.fail("option %s must be a table, not a %s", name, v.Type())
		}
		return nil
	}
	all := map[string]string{}
	t.ForEach(func(k, v lua.LValue) {
		if _, ok := k.(lua.LString); !ok || !lua.LVCanConvToString(v) {
			o.c.fail("option %s must have names and texts", name)
		}
		all[k.String()] = v.String()
	})
	return all
}

func (o *options) count(name string) int {
	v := o.get(name)
	if v == lua.LNil {
		return 0
	}
	n, ok := v.(lua.LNumber)
	if !ok || n < 0 || float64(n) != math.Trunc(float64(n)) {
		o.c.fail("option %s must be a whole number from 0 up", name)
	}
	return int(n)
}

func (o *options) rejectUnknown() {
	o.t.ForEach(func(k, _ lua.LValue) {
		if name, ok := k.(lua.LString); !ok || !slices.Contains(o.known, string(name)) {
			o.c.fail("unknown option %s%s", k, suggest(k.String(), o.known))
		}
	})
}

// duration reads "1m30s". A number without a unit is refused: nobody knows which it means.
func duration(v lua.LValue) (time.Duration, error) {
	s, ok := v.(lua.LString)
	if !ok {
		return 0, fmt.Errorf(`must be a duration with its unit, "90s" or "5m", not a %s`, v.Type())
	}
	return durationText(string(s))
}

func durationText(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf(`must be a duration with its unit, "90s" or "5m", not %q`, s)
	}
	if d > engine.MaxDuration {
		return 0, fmt.Errorf("must be at most %s", engine.MaxDuration)
	}
	return d, nil
}

// suggest names the known word that is nearest, if one is near.
func suggest(word string, known []string) string {
	best, near := "", (len(word)+1)/3+1
	for _, k := range known {
		d := distance(word, k)
		if len(word) > 3 && strings.HasPrefix(k, word[:3]) {
			d-- // who knows the beginning means it
		}
		if d < near {
			best, near = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("; did you mean %s?", best)
	}
	sorted := slices.Sorted(slices.Values(known))
	return "; known are " + strings.Join(slices.Compact(sorted), ", ")
}

// distance counts the letters to insert, delete, replace or swap between two words.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := row[j]
			if a[i] != b[j] {
				cost++
			}
			next[j+1] = min(cost, next[j]+1, row[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
