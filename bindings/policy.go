package bindings

import (
	"context"
	"maps"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/flash"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/transport"
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
	if p.Name == "" {
		s.bad("name", "must not be empty")
	}
	p.Console = d.console(s.section("console"))
	p.UBoot = d.uboot(s.section("uboot"))
	p.Linux = d.linux(s.section("linux"))
	p.Files = d.files(s.section("files"))
	p.Targets = d.targets(s.section("targets"))
	p.Net = d.net(s.section("net"))
	p.Limits = d.limits(s.section("limits"))
	p.PowerAfter = d.powerAfter(s.section("power_after"))
	p.OffTime = d.power(s.section("power"))
	if _, ok := p.Targets[p.DefaultTarget]; p.DefaultTarget != "" && !ok {
		s.bad("default_target", "names %q, which is not in targets%s", p.DefaultTarget, didYouMean(p.DefaultTarget, slices.Collect(maps.Keys(p.Targets))))
	}
	s.function("flash")
	s.function("classify")
	s.function("backoff")
	s.done()
	return p
}

func (d *decoder) console(s *section) transport.Line {
	l := transport.Line{Baud: s.whole("baud", transport.DefaultBaud), Framing: s.str("framing", ""), Flow: s.str("flow", "")}
	if l.Baud == 0 {
		s.bad("baud", "must be more than 0")
	}
	s.done()
	return l
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
	if !(l.Jitter >= 0 && l.Jitter <= 1) {
		s.bad("jitter", "must be between 0 and 1")
	}
	s.done()
	return l
}

func (d *decoder) power(s *section) time.Duration {
	off := s.duration("off_time", engine.DefaultOffTime)
	s.done()
	return off
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
