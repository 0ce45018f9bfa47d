package bindings

import (
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/flash"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// apiVersion is what a policy's api key may ask for at most.
const apiVersion = 1

// policy makes an engine.Policy of the table that a script returned.
func (h *Host) policy(ctx context.Context, t *lua.LTable, src source, set map[string]string) (p *engine.Policy, err error) {
	d := &decoder{host: h, file: src.name, set: set, used: map[string]bool{}}
	defer func() {
		if w, ok := recover().(wrong); ok {
			p, err = nil, w.err
		}
	}()
	p = d.policy(t, src)
	d.leftover()
	return p, h.hooks(ctx, p, t, d)
}

// decoder reads a policy's table. The operator's settings come first, and are written into the table, so that the
// script sees them too.
type decoder struct {
	host *Host
	file string
	set  map[string]string
	used map[string]bool // settings that some key took
	all  []string        // every key there is, for suggestions
}

// section is one table of the policy.
type section struct {
	*decoder
	path  string // "uboot.", "" at the top
	t     *lua.LTable
	known []string
}

// bad gives up, naming the place and the key.
func (s *section) bad(key, format string, a ...any) {
	where := s.host.modules.where(s.file, key)
	if _, ok := s.set[s.path+key]; ok {
		where = "--set"
	}
	panic(wrong{classify.New(classify.ConfigPolicy, "%s: %s%s %s", where, s.path, key, fmt.Sprintf(format, a...))})
}

func (s *section) get(key string) lua.LValue {
	s.known = append(s.known, key)
	s.all = append(s.all, s.path+key)
	if v, ok := s.set[s.path+key]; ok {
		s.used[s.path+key] = true
		s.t.RawSetString(key, lua.LString(v))
		return lua.LString(v)
	}
	return s.t.RawGetString(key)
}

func (s *section) str(key, otherwise string) string {
	switch v := s.get(key).(type) {
	case *lua.LNilType:
		return otherwise
	case lua.LString:
		return string(v)
	default:
		s.bad(key, "must be a string, not a %s", v.Type())
		return ""
	}
}

// number reads a number; one that the operator set is text, in Go's notation.
func (s *section) number(key string, otherwise float64) float64 {
	v := s.get(key)
	if text, ok := v.(lua.LString); ok && s.used[s.path+key] {
		n, err := strconv.ParseInt(string(text), 0, 64)
		f := float64(n)
		if err != nil {
			f, err = strconv.ParseFloat(string(text), 64)
		}
		if err != nil {
			s.bad(key, "must be a number, not %q", string(text))
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
		s.bad(key, "must be a number, not a %s", v.Type())
		return 0
	}
}

func (s *section) whole(key string, otherwise int) int {
	n := s.number(key, float64(otherwise))
	if n < 0 || n != math.Trunc(n) || n > math.MaxInt32 {
		s.bad(key, "must be a whole number from 0 up")
	}
	return int(n)
}

func (s *section) duration(key string, otherwise time.Duration) time.Duration {
	v := s.get(key)
	if v == lua.LNil {
		return otherwise
	}
	d, err := duration(v)
	if err != nil {
		s.bad(key, "%v", err)
	}
	return d
}

func (s *section) function(key string) *lua.LFunction {
	s.known = append(s.known, key)
	switch v := s.t.RawGetString(key).(type) {
	case *lua.LNilType:
		return nil
	case *lua.LFunction:
		return v
	default:
		s.bad(key, "must be a function, not a %s", v.Type())
		return nil
	}
}

// section opens the table at key; a missing one is empty.
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
		s.bad(key, "must be a table, not a %s", v.Type())
	}
	return sub
}

// names gives the keys of a table whose keys are the policy's own, sorted, those that the operator adds included.
func (s *section) names() []string {
	names := map[string]bool{}
	s.t.ForEach(func(k, _ lua.LValue) {
		name, ok := k.(lua.LString)
		if !ok {
			s.bad(k.String(), "must be a name")
		}
		names[string(name)] = true
	})
	for k := range s.set {
		if name, ok := strings.CutPrefix(k, s.path); ok && !strings.Contains(name, ".") {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// done refuses the keys that nobody read.
func (s *section) done() {
	s.t.ForEach(func(k, _ lua.LValue) {
		if name, ok := k.(lua.LString); !ok || !slices.Contains(s.known, string(name)) {
			s.bad(k.String(), "is not a policy key%s", suggest(k.String(), s.known))
		}
	})
}

// leftover refuses settings that no key took.
func (d *decoder) leftover() {
	for _, k := range slices.Sorted(maps.Keys(d.set)) {
		if !d.used[k] {
			panic(wrong{classify.New(classify.Usage, "--set %s=%s: there is no policy key %s%s", k, d.set[k], k, didYouMean(k, d.all))})
		}
	}
}

func (d *decoder) policy(t *lua.LTable, src source) *engine.Policy {
	s := &section{decoder: d, t: t}
	if api := s.whole("api", apiVersion); api != apiVersion {
		s.bad("api", "asks for version %d, this flashlua has %d: get a newer one", api, apiVersion)
	}
	name := strings.TrimSuffix(filepath.Base(src.name), ".lua")
	p := &engine.Policy{
		Name: s.str("name", name), Dir: filepath.Join(src.dir, s.str("files_dir", "")),
		Boot: s.str("boot", ""), BootArgs: s.str("bootargs", ""), DefaultTarget: s.str("default_target", ""),
	}
	d.console(s.section("console"))
	p.UBoot = d.uboot(s.section("uboot"))
	p.Linux = d.linux(s.section("linux"))
	p.Files = d.files(s.section("files"))
	p.Targets = d.targets(s.section("targets"))
	p.Net = d.net(s.section("net"))
	p.Limits = d.limits(s.section("limits"))
	p.PowerAfter = d.powerAfter(s.section("power_after"))
	if _, ok := p.Targets[p.DefaultTarget]; p.DefaultTarget != "" && !ok {
		s.bad("default_target", "names %q, which is not in targets%s", p.DefaultTarget, didYouMean(p.DefaultTarget, slices.Collect(maps.Keys(p.Targets))))
	}
	s.function("flash")
	s.function("classify")
	s.function("backoff")
	s.done()
	return p
}

// console is for ports that have a speed; those of this version do not, the value is checked all the same.
func (d *decoder) console(s *section) {
	if s.whole("baud", 115200) == 0 {
		s.bad("baud", "must be more than 0")
	}
	s.done()
}

func (d *decoder) uboot(s *section) uboot.Config {
	c := uboot.Default
	c.Prompt, c.Autoboot, c.Keys = s.prompt("prompt", c.Prompt), s.str("autoboot", c.Autoboot), s.str("keys", c.Keys)
	c.Timeout, c.Line = s.duration("timeout", c.Timeout), s.line(c.Line)
	s.done()
	return c
}

func (d *decoder) linux(s *section) shell.Config {
	c := shell.Default
	c.Login, c.User, c.Password = s.prompt("login", c.Login), s.str("user", c.User), s.str("password", c.Password)
	c.Prompt, c.Network = s.prompt("prompt", c.Prompt), s.str("network", c.Network)
	c.Timeout, c.Line = s.duration("timeout", c.Timeout), s.line(c.Line)
	s.done()
	return c
}

// prompt reads a text to wait for.
func (s *section) prompt(key, otherwise string) string {
	p := s.str(key, otherwise)
	if strings.TrimSpace(p) == "" {
		s.bad(key, "must have more than blanks in it")
	}
	return p
}

// shortestLine is what the longest command of ours needs.
const shortestLine = 200

func (s *section) line(otherwise int) int {
	n := s.whole("line_limit", otherwise)
	if n < shortestLine {
		s.bad("line_limit", "must be at least %d", shortestLine)
	}
	return n
}

var fileName = regexp.MustCompile(`^[A-Za-z_]\w*$`)

func (d *decoder) files(s *section) map[string]engine.File {
	files := map[string]engine.File{}
	for _, name := range s.names() {
		if !fileName.MatchString(name) {
			s.bad(name, "is not a name: it becomes a part of U-Boot variables")
		}
		t, ok := s.t.RawGetString(name).(*lua.LTable)
		if !ok {
			s.bad(name, `must be { "file", address }`)
		}
		path, ok1 := t.RawGetInt(1).(lua.LString)
		address, ok2 := t.RawGetInt(2).(lua.LNumber)
		if !ok1 || !ok2 || path == "" || address < 0 || float64(address) != math.Trunc(float64(address)) || t.Len() != 2 {
			s.bad(name, `must be { "file", address }`)
		}
		files[name] = engine.File{Path: string(path), Address: uint64(address)}
	}
	return files
}

func (d *decoder) targets(s *section) map[string]flash.Target {
	targets := map[string]flash.Target{}
	for _, name := range s.names() {
		t := flash.Target{Name: name}
		switch v := s.get(name).(type) {
		case lua.LString:
			t.Path = string(v)
		case *lua.LTable:
			sub := &section{decoder: s.decoder, path: s.path + name + ".", t: v}
			t.Sysfs = sub.str("sysfs", "")
			sub.done()
		}
		if t.Path == "" && t.Sysfs == "" || t.Path != "" && !strings.HasPrefix(t.Path, "/") || strings.Contains(t.Sysfs, "/") {
			s.bad(name, `must be a device, "/dev/…", or an address, { sysfs = "4fb0000" }`)
		}
		targets[name] = t
	}
	return targets
}

func (d *decoder) net(s *section) engine.Net {
	n := engine.Net{HTTP: s.str("http", ""), TFTP: s.str("tftp", ""), Listen: s.str("listen", "")}
	s.done()
	return n
}

func (d *decoder) limits(s *section) engine.Limits {
	l := engine.Limits{Total: s.duration("total", 0), Attempt: s.duration("attempt", 0), Jitter: s.number("jitter", 0)}
	if s.get("retries") != lua.LNil {
		n := s.whole("retries", 0)
		l.Retries = &n
	}
	if l.Jitter < 0 || l.Jitter > 1 {
		s.bad("jitter", "must be between 0 and 1")
	}
	s.done()
	return l
}

func (d *decoder) powerAfter(s *section) engine.PowerAfter {
	state := func(key string) engine.PowerState {
		v := engine.PowerState(s.str(key, string(engine.PowerOff)))
		if v != engine.PowerOff && v != engine.PowerOn && v != engine.PowerKeep {
			s.bad(key, `must be "on", "off" or "keep", not %q`, v)
		}
		return v
	}
	p := engine.PowerAfter{Success: state("success"), Failure: state("failure"), Cancel: state("cancel")}
	s.done()
	return p
}

// defaultSequence is the module whose flash a policy without its own gets.
const defaultSequence = "lib.uboot_busybox"

// hooks binds the policy's functions.
func (h *Host) hooks(ctx context.Context, p *engine.Policy, t *lua.LTable, d *decoder) error {
	flash, _ := t.RawGetString("flash").(*lua.LFunction)
	if flash == nil {
		require := h.L.GetGlobal("require")
		results, err := h.call(ctx, require, lua.LString(defaultSequence))
		if err != nil {
			return err
		}
		flash = results[0].(*lua.LTable).RawGetString("flash").(*lua.LFunction)
		if p.Boot == "" {
			return classify.New(classify.ConfigPolicy, "%s: boot is missing: the default sequence needs the U-Boot command that starts Linux", d.file)
		}
	}
	p.Flash = func(ctx context.Context, s *engine.Session) error {
		session := h.newSession(s)
		_, err := h.call(ctx, flash, session.value, session.job)
		return err
	}
	if f, ok := t.RawGetString("classify").(*lua.LFunction); ok {
		p.Classify = func(ctx context.Context, err error, next func(error) classify.Class) (classify.Class, error) {
			return h.classify(ctx, f, err, next)
		}
	}
	if f, ok := t.RawGetString("backoff").(*lua.LFunction); ok {
		p.Backoff = func(ctx context.Context, n int, err error, next func(int, error) time.Duration) (time.Duration, error) {
			return h.backoff(ctx, f, n, err, next)
		}
	}
	return nil
}

// classify asks a policy's classify(err, next).
func (h *Host) classify(ctx context.Context, f *lua.LFunction, err error, next func(error) classify.Class) (classify.Class, error) {
	ask := h.function("next", 0, func(c *args) ([]lua.LValue, error) {
		e := errorIn(c.any(1, "error"))
		if e == nil {
			c.fail("argument 1 must be an error, not a %s", c.opt(1).Type())
		}
		return []lua.LValue{lua.LString(next(e).String())}, nil
	})
	answer, cerr := h.ask(ctx, f, h.errorValue(err), ask)
	if cerr != nil {
		return classify.Unmarked, cerr
	}
	for _, class := range []classify.Class{classify.Retryable, classify.NonRetryable} {
		if answer == lua.LString(class.String()) {
			return class, nil
		}
	}
	return classify.Unmarked, nonsense(f, "classify", answer, `"retry", "fatal" or next(err)`)
}

// backoff asks a policy's backoff(n, err, next).
func (h *Host) backoff(ctx context.Context, f *lua.LFunction, n int, err error, next func(int, error) time.Duration) (time.Duration, error) {
	ask := h.function("next", 0, func(c *args) ([]lua.LValue, error) {
		return []lua.LValue{lua.LString(next(c.intOr(1, "n", n), errorIn(c.opt(2))).String())}, nil
	})
	answer, berr := h.ask(ctx, f, lua.LNumber(n), h.errorValue(err), ask)
	if berr != nil {
		return 0, berr
	}
	text, _ := answer.(lua.LString)
	wait, perr := time.ParseDuration(string(text))
	if perr != nil || wait < 0 {
		return 0, nonsense(f, "backoff", answer, `a duration with its unit, "30s", or next(n, err)`)
	}
	return wait, nil
}

func (h *Host) ask(ctx context.Context, f *lua.LFunction, args ...lua.LValue) (lua.LValue, error) {
	results, err := h.call(ctx, f, args...)
	if err != nil || len(results) == 0 {
		return lua.LNil, err
	}
	return results[0], nil
}

// nonsense is the error of a hook that answered something unusable, with the place where it is defined.
func nonsense(f *lua.LFunction, hook string, answer lua.LValue, want string) error {
	got := article(answer)
	if text, ok := answer.(lua.LString); ok {
		got = fmt.Sprintf("%q", string(text))
	}
	return classify.New(classify.ScriptResult, "%s:%d: %s returned %s, not %s", f.Proto.SourceName, f.Proto.LineDefined, hook, got, want)
}
