package check

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// load loads the script.
func (c *checker) load() { c.loaded, c.loadErr = c.in.Load("") }

// checkLoaded checks the policy that the script returned when it was loaded, if any, with each of its variants.
func (c *checker) checkLoaded() {
	c.checkPolicy(c.loaded, c.loadErr)
	if c.loaded.Policy == nil {
		return
	}
	for _, name := range c.loaded.Policy.Variants {
		before := len(c.file.found)
		loaded, err := c.in.Load(name)
		c.checkPolicy(loaded, err)
		c.keepNew(before, name)
	}
}

// keepNew drops the findings after the first ones that are among those, and names the variant in the others.
func (c *checker) keepNew(first int, variant string) {
	known, later := c.file.found[:first], c.file.found[first:]
	c.file.found = slices.Clone(known)
	for _, f := range later {
		if !slices.Contains(known, f) {
			f.Message = "variant " + variant + ": " + f.Message
			c.file.found = append(c.file.found, f)
		}
	}
}

// checkPolicy checks what loading the script returned.
func (c *checker) checkPolicy(loaded Loaded, err error) {
	if err != nil {
		if !slices.ContainsFunc(c.file.found, func(f Finding) bool {
			return strings.Contains(err.Error(), "undeclared global") && f.Rule == "undeclared-global"
		}) {
			c.reportError("load", err)
		}
	}
	for _, m := range loaded.Mistakes {
		c.reportMistake(m)
	}
	p := loaded.Policy
	if p == nil {
		return
	}
	if err := p.CheckLimits(); err != nil && !loaded.wrong("limits") {
		c.report(c.line("limits", "attempt"), "attempt", "deadlines", "%v", err)
	}
	c.checkPrompts("uboot", p.UBoot.Prompts)
	c.checkPrompts("linux", p.Linux.Prompts)
	c.checkTargets(p)
	c.checkMethod(p)
	if !loaded.wrong("flash") {
		c.checkFlash(loaded.OwnFlash)
	}
	for _, o := range p.Overlaps(func(name string) int64 { return c.in.FileSize(p, name) }) {
		c.report(c.line("files", o.Name), o.Name, "ram-overlap", "%v: %s", o.Err, classify.Facts(o.Err).Hint)
	}
	if !loaded.OwnFlash && p.Method == engine.ByLinux && !loaded.wrong("files") && !loaded.wrong("boot") {
		c.checkFiles(p)
	}
}

// reportMistake adds a finding for a wrong key, unless its line has an undeclared name, which may be why.
func (c *checker) reportMistake(m Mistake) {
	before := len(c.file.found)
	if m.Rule == "" {
		c.reportError("load", m.Err)
	} else {
		c.reportErrorAt(m.Rule, m.Key[strings.LastIndexByte(m.Key, '.')+1:], m.Err)
	}
	if len(c.file.found) == before {
		return
	}
	last := c.file.found[before]
	if slices.ContainsFunc(c.file.found[:before], func(f Finding) bool { return f.Rule == "undeclared-global" && f.Line == last.Line }) {
		c.file.found = c.file.found[:before]
	}
}

// checkPrompts reports prompts that much other text ends with, too.
func (c *checker) checkPrompts(section string, prompts []string) {
	for _, p := range prompts {
		if bare := strings.TrimSpace(p); len(bare) == 1 && bare != "#" && bare != "$" {
			c.report(c.line(section, "prompt"), "prompt", "generic-prompt", "%s.prompt %q also ends other text: write more of the prompt", section, p)
		}
	}
}

// checkTargets reports targets that are no block devices.
func (c *checker) checkTargets(p *engine.Policy) {
	for name, t := range p.Targets {
		if err := t.Check(); err != nil {
			c.report(c.line("targets", name), name, "not-a-medium", "%v: %s", err, classify.Facts(err).Hint)
		}
	}
}

// checkMethod reports a default target that the policy's method cannot write.
func (c *checker) checkMethod(p *engine.Policy) {
	for name, t := range p.Targets {
		if p.ChooseTarget != nil || name != p.DefaultTarget && len(p.Targets) > 1 {
			continue
		}
		if err := p.CheckMethod(t); err != nil {
			c.report(c.line("targets", name), name, "wrong-method", "%v: %s", err, classify.Facts(err).Hint)
		}
	}
}

// checkFlash reports a flash of the board's own that does not write and verify the image, and a sequence that is
// not used.
func (c *checker) checkFlash(own bool) {
	if !own && c.calls["sequence"] {
		c.report(c.line("sequence", ""), "sequence", "unused-sequence", "the sequence is not used: write board.flash = seq.flash")
	}
	proves := c.calls["write"] || c.calls["verify"] || c.calls["ums"]
	if own && c.removedWrite != nil && !proves {
		c.report(c.removedWrite.Line(), "write", "never-written", "the sequence loses its step write, and nothing calls write(job), which writes the image and verifies it, or verify(job): the run would end as flash.unverified")
	}
	if !own || c.dynamic || proves || c.calls["sequence"] || c.calls["flash"] {
		return
	}
	c.report(c.line("flash", ""), "flash", "never-written", "flash never calls write(job), which writes the image and verifies it, nor verify(job), which verifies what something else wrote: the run would end as flash.unverified")
	for _, w := range c.writes {
		c.report(w.Line(), "", "unverified-write", "what this command writes is never verified: call verify(job) after it, or write(job) instead of it")
	}
}

// indirectBoot matches a boot command whose addresses are elsewhere: in a variable or a script of the board, or those
// of the last load.
var indirectBoot = lazyRegexp(`(?:^|[;&|]|\b(?:then|else|do)\b)\s*(?:(?:run|source|boot|bootd|bootflow|bootmenu)\b|boot[mizx]\s*(?:$|[;&|]))`)

// checkFiles reports boot files that the boot command does not use.
func (c *checker) checkFiles(p *engine.Policy) {
	if indirectBoot().MatchString(p.Boot) {
		return
	}
	used := addresses(p.Boot)
	for name, f := range p.Files {
		if f.NoAddress {
			continue
		}
		address, isUsed := fmt.Sprintf("%#x", f.Address), used[f.Address]
		if f.Variable != "" {
			address, isUsed = "${"+f.Variable+"}", usesVariable(p.Boot, f.Variable)
		}
		if !strings.Contains(p.Boot, name+"_addr") && !strings.Contains(p.Boot, name+"_size") && !isUsed {
			c.report(c.line("files", name), name, "unused-file", "files.%s is loaded, but boot uses neither ${%[1]s_addr} nor %s", name, address)
		}
	}
}

// usesVariable reports whether a U-Boot command uses the value of a variable.
func usesVariable(cmd, name string) bool {
	return regexp.MustCompile(`\$(?:\{` + name + `\}|` + name + `\b)`).MatchString(cmd)
}

var number = lazyRegexp(`\b(?:0[xX])?[0-9a-fA-F]+\b`)

// addresses returns the numbers in a U-Boot command, which reads them as hexadecimal.
func addresses(cmd string) map[uint64]bool {
	all := map[uint64]bool{}
	for _, s := range number().FindAllString(cmd, -1) {
		if n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(s), "0x"), 16, 64); err == nil {
			all[n] = true
		}
	}
	return all
}
