package bindings

import (
	"context"
	"maps"
	"math"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/suggest"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/transport"
	"github.com/flashlua/flashlua/engine/uboot"
)

// apiVersion is the highest version that a policy's api key may have.
const apiVersion = 1

// policy decodes the table that a script returned.
func (h *host) policy(ctx context.Context, t *lua.LTable, src source, set map[string]string) (s *Script, err error) {
	d := &decoder{host: h, file: src.name, set: set, used: map[string]bool{}, own: map[string]bool{}}
	defer vm.CatchRefusal(&err)
	p := d.policy(t, src)
	d.rejectUnused()
	if err := h.hooks(ctx, p, t, d); err != nil {
		return nil, err
	}
	return &Script{Policy: p, File: src.name, Embedded: src.embedded, Text: src.text, Settings: d.settings, Overrides: d.own}, nil
}

func (d *decoder) policy(t *lua.LTable, src source) *engine.Policy {
	s := &section{decoder: d, t: t}
	if api := s.nonNegative("api", apiVersion); api != apiVersion {
		s.fail("api", "asks for version %d, this flashlua has %d: get a newer one", api, apiVersion)
	}
	name := strings.TrimSuffix(filepath.Base(src.name), ".lua")
	p := &engine.Policy{
		Name: s.str("name", name), Description: s.str("description", ""), Tested: s.str("tested", ""),
		Dir:  s.str("files_dir", ""),
		Boot: s.str("boot", ""), BootArgs: s.str("bootargs", ""), DefaultTarget: s.str("default_target", ""),
	}
	if src.fsys == nil {
		p.Dir = filepath.Join(src.dir, p.Dir)
	}
	if p.Name == "" {
		s.fail("name", "must not be empty")
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
	s.function("flash")
	s.function("classify")
	s.function("backoff")
	s.rejectUnused()
	if _, ok := p.Targets[p.DefaultTarget]; p.DefaultTarget != "" && !ok {
		s.fail("default_target", "names %q, which is not in targets%s", p.DefaultTarget, suggest.Nearest(p.DefaultTarget, slices.Collect(maps.Keys(p.Targets))))
	}
	return p
}

func (d *decoder) console(s *section) engine.Console {
	c := engine.Console{Reopen: s.duration("reopen", engine.DefaultReopen), Watch: s.aborts()}
	c.Typing = console.Typing{Chunk: s.nonNegative("chunk", 0), Delay: s.duration("delay", 0), NoEcho: !s.boolean("echo", true)}
	c.Line = transport.Line{Baud: s.nonNegative("baud", transport.DefaultBaud), Framing: s.str("framing", "8N1"), Flow: s.str("flow", "none")}
	if c.Line.Baud == 0 {
		s.fail("baud", "must be more than 0")
	}
	s.rejectUnused()
	return c
}

// minKeyInterval leaves time to see a prompt between two keys: a prompt is one if nothing follows it for a moment.
const minKeyInterval = 100 * time.Millisecond

func (d *decoder) uboot(s *section) uboot.Config {
	c := uboot.Default
	c.Prompts, c.Autoboot, c.Keys = s.prompts("prompt", c.Prompts), s.str("autoboot", c.Autoboot), s.str("keys", c.Keys)
	c.KeyInterval, c.Password = s.duration("every", c.KeyInterval), s.secret("password")
	if c.KeyInterval < minKeyInterval {
		s.fail("every", "must be at least %s: a prompt is one when nothing followed it for a moment", minKeyInterval)
	}
	if c.Keys == "" && c.Password == "" {
		s.fail("keys", "must not be empty without a password")
	}
	c.Timeout, c.Line = s.duration("timeout", c.Timeout), s.line(c.Line)
	c.Network = s.str("network", c.Network)
	s.rejectUnused()
	return c
}

func (d *decoder) linux(s *section) shell.Config {
	c := shell.Default
	c.Login, c.User, c.Password = s.prompt("login", c.Login), s.str("user", c.User), s.secret("password")
	c.Prompts, c.Network = s.prompts("prompt", c.Prompts), s.str("network", c.Network)
	c.Timeout, c.Line = s.duration("timeout", c.Timeout), s.line(c.Line)
	s.rejectUnused()
	return c
}

// prompt reads a text to wait for, which is not blank.
func (s *section) prompt(key, otherwise string) string {
	p := s.str(key, otherwise)
	if strings.TrimSpace(p) == "" {
		s.fail(key, "must have more than blanks in it")
	}
	return p
}

// prompts reads one text to wait for, or a list of texts.
func (s *section) prompts(key string, otherwise []string) []string {
	t, ok := vm.TableIn(s.get(key, option.Prompts))
	if !ok {
		return []string{s.prompt(key, otherwise[0])}
	}
	var all []string
	var noted []any
	t.ForEach(func(k, v lua.LValue) {
		p, ok := v.(lua.LString)
		if _, index := k.(lua.LNumber); !index || !ok || strings.TrimSpace(string(p)) == "" {
			s.fail(key, "must be a text, or a list of texts, with more than blanks in them")
		}
		all, noted = append(all, string(p)), append(noted, string(p))
	})
	if len(all) == 0 {
		s.fail(key, "must not be empty")
	}
	s.record(key, noted)
	return all
}

// secret reads a password, which is masked in every record.
func (s *section) secret(key string) string {
	v := s.str(key, "")
	if v != "" {
		s.record(key, "********")
		s.host.said.secrets.Add(v)
	}
	return v
}

// minLineLimit is the length of the longest command that flashlua types.
const minLineLimit = 200

func (s *section) line(otherwise int) int {
	n := s.nonNegative("line_limit", otherwise)
	if n < minLineLimit {
		s.fail("line_limit", "must be at least %d", minLineLimit)
	}
	return n
}

var fileName = regexp.MustCompile(`^[A-Za-z_]\w*$`)

func (d *decoder) files(s *section) map[string]engine.File {
	files := map[string]engine.File{}
	for _, name := range s.names() {
		if !fileName.MatchString(name) {
			s.fail(name, "is not a name: it becomes a part of U-Boot variables")
		}
		t, ok := s.t.RawGetString(name).(*lua.LTable)
		if !ok {
			s.fail(name, `must be { "file", address }`)
		}
		path, ok1 := t.RawGetInt(1).(lua.LString)
		address, ok2 := t.RawGetInt(2).(lua.LNumber)
		if !ok1 || !ok2 || path == "" || address < 0 || float64(address) != math.Trunc(float64(address)) || t.Len() != 2 {
			s.fail(name, `must be { "file", address }`)
		}
		files[name] = engine.File{Path: string(path), Address: uint64(address)}
		s.record(name, []any{string(path), uint64(address)})
	}
	return files
}

func (d *decoder) targets(s *section) map[string]engine.Target {
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
		if (t.Path == "") == (t.Sysfs == "") || t.Path != "" && !strings.HasPrefix(t.Path, "/") || strings.Contains(t.Sysfs, "/") {
			s.fail(name, `must be a device, "/dev/…", or an address, { sysfs = "4fb0000" }`)
		}
		targets[name] = t
	}
	return targets
}

func (d *decoder) net(s *section) engine.Net {
	n := engine.Net{HTTP: s.str("http", ""), TFTP: s.str("tftp", ""), Listen: s.str("listen", "")}
	address, gateway := s.str("address", ""), s.str("gateway", "")
	s.rejectUnused()
	if text := address; text != "" {
		var err error
		if n.Address, err = netip.ParsePrefix(text); err != nil || !n.Address.Addr().Is4() {
			s.fail("address", `must be an IPv4 address with its mask, "192.168.1.5/24", not %q`, text)
		}
	}
	if text := gateway; text != "" {
		var err error
		if n.Gateway, err = netip.ParseAddr(text); err != nil || !n.Gateway.Is4() || !n.Address.IsValid() {
			s.fail("gateway", `must be an IPv4 address, "192.168.1.1", and needs net.address`)
		}
	}
	return n
}

func (d *decoder) limits(s *section) engine.Limits {
	retries := s.nonNegative("retries", engine.DefaultRetries)
	l := engine.Limits{Retries: &retries, Total: s.duration("total", engine.DefaultTotal), Attempt: s.duration("attempt", 0), Jitter: s.number("jitter", 0)}
	if l.Attempt == 0 { // not given: the engine uses a default that fits the total; one that is given must fit
		s.record("attempt", min(engine.DefaultAttempt, l.Total).String())
	}
	if !(l.Jitter >= 0 && l.Jitter <= 1) {
		s.fail("jitter", "must be between 0 and 1")
	}
	s.rejectUnused()
	return l
}

func (d *decoder) power(s *section) time.Duration {
	off := s.duration("off_time", engine.DefaultOffTime)
	s.rejectUnused()
	return off
}

func (d *decoder) powerAfter(s *section) engine.PowerAfter {
	state := func(key string) engine.PowerState {
		v := engine.PowerState(s.str(key, string(engine.PowerOff)))
		if v != engine.PowerOff && v != engine.PowerOn && v != engine.PowerKeep {
			s.fail(key, `must be "on", "off" or "keep", not %q`, v)
		}
		return v
	}
	p := engine.PowerAfter{Success: state("success"), Failure: state("failure"), Cancel: state("cancel")}
	s.rejectUnused()
	return p
}
