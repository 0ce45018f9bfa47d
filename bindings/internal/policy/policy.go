package policy

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/uboot"
)

// apiVersion is the highest version that a policy's api key may have.
const apiVersion = 1

// readPolicy reads the keys at the top of a policy, and its sections. variants are the names of its variants.
func readPolicy(s *section, name string, variants []string) *engine.Policy {
	if api := s.nonNegative("api", apiVersion); api != apiVersion {
		s.fail("api", "asks for version %d, this flashlua has %d: get a newer one", api, apiVersion)
	}
	p := &engine.Policy{
		Name: s.str("name", name), Description: s.str("description", ""), Tested: s.str("tested", ""),
		Dir:  s.str("files_dir", ""),
		Boot: s.str("boot", ""), BootArgs: s.str("bootargs", ""), DefaultTarget: s.str("default_target", ""),
	}
	if p.Name == "" {
		s.fail("name", "must not be empty")
	}
	s.function("flash")
	p.Method = readMethod(s)
	p.Console = readConsole(s.section("console"))
	p.Consoles = readConsoles(s.section("consoles"))
	p.UBoot = readUBoot(s.section("uboot"))
	p.Linux = readLinux(s.section("linux"))
	p.Files = readFiles(s.section("files"))
	p.Targets = readTargets(s.section("targets"), p.Method)
	p.Args = readArguments(s.section("args"))
	p.Net = readNet(s.section("net"))
	p.Limits = readLimits(s.section("limits"))
	p.Outputs = readOutputs(s.section("outputs"))
	p.PowerAfter = readPowerAfter(s.section("power_after"))
	p.OffTime = readPower(s.section("power"))
	if v := s.t.RawGetString("target"); v.Type() == lua.LTTable || v.Type() == lua.LTString {
		s.known = append(s.known, "target")
		s.fail("target", "must be a function, not a %s; did you mean targets?", v.Type())
	} else {
		s.function("target")
	}
	s.function("check")
	s.function("classify")
	s.function("backoff")
	open := len(variants) > 0 && s.variant == "" // a variant may have what the policy lacks
	before := len(s.mistakes)
	s.rejectUnused()
	unknown := len(s.mistakes) > before // which may be boot, mistyped
	if p.Boot == "" && !s.own["flash"] && p.Method == engine.ByLinux && !s.mistaken("boot") && !s.mistaken("method") && !unknown {
		more := ""
		if open {
			more = "; if a variant has it, choose one with --variant: " + strings.Join(variants, ", ")
		}
		s.addMissing("boot", classify.New(classify.ConfigPolicy, "%s: boot is missing: the default sequence needs the U-Boot command that starts Linux, unless method = \"uboot\" has U-Boot write%s", s.file, more))
	}
	if _, ok := p.Targets[p.DefaultTarget]; p.DefaultTarget != "" && !ok && !open && !s.mistaken("targets") {
		s.fail("default_target", "names %q, which is not in targets%s", p.DefaultTarget, suggest.Nearest(p.DefaultTarget, slices.Collect(maps.Keys(p.Targets))))
	}
	return p
}

// readMethod reads what writes the images. It returns "" if the policy has a flash of its own and does not say it.
func readMethod(s *section) engine.Method {
	otherwise := engine.ByLinux
	if s.own["flash"] {
		otherwise = ""
	}
	m := engine.Method(s.str("method", string(otherwise)))
	_, set := s.set["method"]
	switch {
	case set && s.own["flash"]:
		s.fail("method", "chooses the default sequence, and the script has a flash of its own instead")
	case m != otherwise && !slices.Contains(engine.Methods, m):
		s.fail("method", "must be %s, not %q", option.OneOf(engine.Methods), m)
		return otherwise
	}
	return m
}

func readNet(s *section) engine.Net {
	n := engine.Net{HTTP: s.str("http", ""), TFTP: s.str("tftp", ""), NoTFTP: !s.boolean("tftp_server", true), TFTPWindow: s.nonNegative("tftp_window", 0), Listen: s.str("listen", "")}
	address, gateway := s.str("address", ""), s.str("gateway", "")
	s.rejectUnused()
	if n.TFTPWindow > uboot.MaxWindow {
		s.fail("tftp_window", "must be at most %d, or 0 to adapt to the board", uboot.MaxWindow)
	}
	if a, err := netip.ParseAddr(n.TFTP); n.TFTP != "" && (err != nil || !a.Is4()) {
		s.fail("tftp", "must be an IPv4 address, not %q: U-Boot looks up no names", n.TFTP)
	}
	if text := address; text != "" {
		var err error
		if n.Address, err = netip.ParsePrefix(text); err != nil || !n.Address.Addr().Is4() {
			s.fail("address", `must be an IPv4 address with its mask, "192.168.1.5/24", not %q`, text)
		}
	}
	if text := gateway; text != "" {
		var err error
		if n.Gateway, err = netip.ParseAddr(text); err != nil || !n.Gateway.Is4() || !n.Address.IsValid() && !s.mistaken("net.address") {
			s.fail("gateway", `must be an IPv4 address, "192.168.1.1", and needs net.address`)
		}
	}
	return n
}

func readLimits(s *section) engine.Limits {
	retries := s.nonNegative("retries", engine.DefaultRetries)
	l := engine.Limits{Retries: &retries, Total: s.duration("total", engine.DefaultTotal), Attempt: s.duration("attempt", 0), Check: s.duration("check", engine.DefaultCheck), Jitter: s.number("jitter", 0)}
	if l.Attempt == 0 { // not given: the engine uses a default that fits the total; one that is given must fit
		s.record("attempt", min(engine.DefaultAttempt, l.Total).String())
	}
	if !(l.Jitter >= 0 && l.Jitter <= 1) {
		s.fail("jitter", "must be between 0 and 1")
		l.Jitter = 0
	}
	s.rejectUnused()
	return l
}

func readPower(s *section) time.Duration {
	off := s.pause("off_time", engine.DefaultOffTime)
	s.rejectUnused()
	return off
}

func readPowerAfter(s *section) engine.PowerAfter {
	state := func(key string) engine.PowerState { return s.stateAfter(key, engine.PowerAfterStates) }
	p := engine.PowerAfter{Success: state("success"), Failure: state("failure"), Cancel: state("cancel")}
	s.rejectUnused()
	return p
}

// stateAfter reads a state after the run, one of those that are allowed.
func (s *section) stateAfter(key string, allowed []engine.PowerState) engine.PowerState {
	v := engine.PowerState(s.str(key, string(engine.PowerOff)))
	if !slices.Contains(allowed, v) {
		s.fail(key, "must be %s, not %q", option.OneOf(allowed), v)
		return engine.PowerOff
	}
	return v
}
