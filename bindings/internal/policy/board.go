package policy

import (
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/transport"
	"github.com/flashlua/flashlua/engine/uboot"
)

func readConsole(s *section) engine.Console {
	c := engine.Console{Ready: s.str("ready", ""), Reopen: s.duration("reopen", engine.DefaultReopen), Watch: s.aborts()}
	c.Typing = console.Typing{Chunk: s.nonNegative("chunk", 0), Delay: s.pause("delay", 0), NoEcho: !s.boolean("echo", true)}
	s.console = console.Pacing{Chunk: c.Typing.Chunk, Delay: c.Typing.Delay}
	c.Line = transport.Line{Baud: s.nonNegative("baud", transport.DefaultBaud), Framing: s.str("framing", "8N1"), Flow: s.str("flow", "none")}
	if c.Line.Baud == 0 {
		s.fail("baud", "must be more than 0")
		c.Line.Baud = transport.DefaultBaud
	}
	s.rejectUnused()
	return c
}

// minKeyInterval leaves time to see a prompt between two keys: a prompt is one if nothing follows it for a moment.
const minKeyInterval = 100 * time.Millisecond

func readUBoot(s *section) uboot.Config {
	c := uboot.Default
	c.Prompts, c.Autoboot, c.Keys = s.prompts("prompt", c.Prompts), s.str("autoboot", c.Autoboot), s.str("keys", c.Keys)
	c.KeyInterval, c.Password = s.duration("every", c.KeyInterval), s.secret("password")
	if c.KeyInterval < minKeyInterval {
		s.fail("every", "must be at least %s: a prompt is one when nothing followed it for a moment", minKeyInterval)
	}
	if c.Keys == "" && c.Password == "" && c.Autoboot != "" && !s.mistaken("uboot.password") {
		s.fail("keys", "must not be empty without a password; with uboot.autoboot empty too, the prompt is waited for and nothing is typed before")
	}
	c.Timeout, c.Line = s.duration("timeout", c.Timeout), s.line(c.Line)
	c.Network, c.Pacing, c.Shell = s.str("network", c.Network), s.pacing(), s.str("shell", c.Shell)
	if c.Shell != uboot.Hush && c.Shell != uboot.Simple {
		s.fail("shell", "must be %q or %q, not %q", uboot.Hush, uboot.Simple, c.Shell)
		c.Shell = uboot.Hush
	}
	c.RAM = s.memory("ram")
	c.Env, c.Setup = s.environment(c), s.commands("setup", c)
	s.rejectUnused()
	return c
}

func readLinux(s *section) shell.Config {
	c := shell.Default
	c.Login, c.User, c.Password = s.prompt("login", c.Login), s.str("user", c.User), s.secret("password")
	c.Prompts, c.Network = s.prompts("prompt", c.Prompts), s.str("network", c.Network)
	c.Timeout, c.Line, c.Pacing = s.duration("timeout", c.Timeout), s.line(c.Line), s.pacing()
	s.rejectUnused()
	return c
}

// pacing reads how fast to type in this section. It returns nil if that is the console's.
func (s *section) pacing() *console.Pacing {
	p := console.Pacing{Chunk: s.nonNegative("chunk", s.console.Chunk), Delay: s.pause("delay", s.console.Delay)}
	if p == s.console && s.t.RawGetString("chunk") == lua.LNil && s.t.RawGetString("delay") == lua.LNil {
		return nil
	}
	return &p
}

// prompt reads a text to wait for, which is not blank.
func (s *section) prompt(key, otherwise string) string {
	p := s.str(key, otherwise)
	if strings.TrimSpace(p) == "" {
		s.fail(key, "must have more than blanks in it")
		return otherwise
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
	wrong := false
	t.ForEach(func(k, v lua.LValue) {
		p, ok := v.(lua.LString)
		_, index := k.(lua.LNumber)
		wrong = wrong || !index || !ok || strings.TrimSpace(string(p)) == ""
		all, noted = append(all, string(p)), append(noted, string(p))
	})
	switch {
	case wrong:
		s.fail(key, "must be a text, or a list of texts, with more than blanks in them")
		return otherwise
	case len(all) == 0:
		s.fail(key, "must not be empty")
		return otherwise
	}
	s.record(key, noted)
	return all
}

// secret reads a password, which is masked in every record.
func (s *section) secret(key string) string {
	v := s.str(key, "")
	if _, given := s.set[s.path+key]; given && s.reader.Secret != nil {
		secret, err := s.reader.Secret(v)
		if err != nil {
			s.fail(key, "cannot be set: %v", err)
			return ""
		}
		v = secret
		s.t.RawSetString(key, lua.LString(v))
	}
	if v != "" {
		s.record(key, "********")
		s.reader.Secrets.Add(v)
	}
	return v
}

// minLineLimit is the length of the longest command that flashlua types.
const minLineLimit = 200

func (s *section) line(otherwise int) int {
	n := s.nonNegative("line_limit", otherwise)
	if n < minLineLimit {
		s.fail("line_limit", "must be at least %d", minLineLimit)
		return otherwise
	}
	return n
}
