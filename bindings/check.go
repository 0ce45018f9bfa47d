package bindings

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// Finding is what Check has against a script. Plain data: safe for concurrent use while nothing changes it.
type Finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"` // in bytes, from 1
	Message string `json:"message"`
	Rule    string `json:"rule"`
}

func (f Finding) String() string {
	return fmt.Sprintf("%s:%d:%d: %s (%s)", f.File, f.Line, f.Column, f.Message, f.Rule)
}

// Rules are what Check looks for, by name, and what it says about each.
var Rules = map[string]string{
	"syntax":            "the script is Lua",
	"load":              "the script loads: its keys, types, durations and targets are right",
	"deadlines":         "an attempt and its clean-up fit the total",
	"undeclared-global": "every name is declared",
	"unknown-member":    "a module or an object has what is asked of it",
	"read-only":         "what flashlua hands to a function is not changed",
	"unknown-option":    "a method knows the options it is given",
	"bad-duration":      "a duration has its unit",
	"bad-pattern":       "a Lua pattern is one",
	"unknown-kind":      "a kind of error exists, or is made in the script",
	"generic-prompt":    "a prompt is not a single letter or mark that other text ends with",
	"bad-answer":        "classify and backoff answer what they can",
	"unused-sequence":   "a sequence that is edited is the board's flash",
	"never-written":     "a flash of one's own writes the image and so verifies it",
	"unverified-write":  "what a command writes to the medium is verified in the end",
	"unused-file":       "a boot file that is loaded is used by the boot command",
	"silenced":          "a rule is silenced with a reason, and is there to be silenced",
}

// suppression is `-- check: allow RULE, RULE because REASON`, on the line of the finding or on the one before it.
var suppression = regexp.MustCompile(`--\s*check:\s*allow\s+([\w, -]+?)(?:\s+because\s+(\S.*))?$`)

// Check looks at a script without touching anything, and gives what is wrong with it in the order of its lines.
func Check(spec string, o Options) ([]Finding, error) {
	src, err := readSource(spec, nil)
	if err != nil {
		return nil, err
	}
	c := &checker{
		file: src.name, lines: strings.Split(string(src.text), "\n"), host: newHost(src, o), declaredKinds: map[classify.Kind]bool{}, calls: map[string]bool{},
		objects: objects{kinds: map[string]string{}}, hooked: map[*ast.FunctionExpr]bool{},
	}
	c.globals = c.host.globalNames()
	if _, err := lua51.Compile(src.name, src.text); err != nil {
		rule := "syntax"
		if classify.Find(err, classify.ScriptLimit) != nil {
			rule = "load"
		}
		c.failed(rule, err)
	} else {
		tree, err := parse.Parse(bytes.NewReader(lua51.StripBOMAndShebang(src.text)), src.name)
		if err != nil {
			return nil, err
		}
		c.block(tree, &names{})
		c.unknownKinds()
		c.unknownMembers()
		c.loaded(src, o)
	}
	return c.applySuppressions(), nil
}

// checker looks at one script.
type checker struct {
	file          string
	lines         []string
	words         map[string]int // the first line of each, made on first use
	host          *host
	globals       []string
	declaredKinds map[classify.Kind]bool // kinds that the script makes itself
	usedKinds     []kindAsked
	calls         map[string]bool      // functions that are called, or handed on, anywhere
	writes        []ast.PositionHolder // commands that write a medium
	without       ast.PositionHolder   // where a sequence loses its write
	objects       objects
	hooked        map[*ast.FunctionExpr]bool // the policy's functions
	found         []Finding
}

// kindAsked is a kind that the script asks an error for.
type kindAsked struct {
	kind string
	line int
}

// unknownKinds finds kinds that nobody makes.
func (c *checker) unknownKinds() {
	for _, k := range c.usedKinds {
		if !c.declaredKinds[classify.Kind(k.kind)] && !classify.Known(classify.Kind(k.kind)) {
			c.at(k.line, k.kind, "unknown-kind", "there is no kind %q%s", k.kind, DidYouMean(k.kind, classify.Kinds()))
		}
	}
}

// names are the locals of a block and of those around it.
type names struct {
	outer *names
	all   []string
}

func (n *names) has(name string) bool {
	for ; n != nil; n = n.outer {
		if slices.Contains(n.all, name) {
			return true
		}
	}
	return false
}

// at adds a finding at a word of a line.
func (c *checker) at(line int, word, rule, format string, a ...any) {
	column := 1
	if line > 0 && line <= len(c.lines) {
		column = strings.Index(c.lines[line-1], word) + 1
	}
	c.found = append(c.found, Finding{c.file, line, max(column, 1), fmt.Sprintf(format, a...), rule})
}

var placed = regexp.MustCompile(`^(.*?):(\d+):?\s*`)

// failed adds a finding for an error that names its place.
func (c *checker) failed(rule string, err error) {
	text, line := err.Error(), 1
	if m := placed.FindStringSubmatch(text); m != nil && m[1] == c.file {
		line, _ = strconv.Atoi(m[2])
		text = strings.TrimPrefix(text, m[0])
	}
	text = strings.TrimPrefix(text, c.file+": ")
	word, _, _ := strings.Cut(text, " ")
	c.at(line, word[strings.LastIndexByte(word, '.')+1:], rule, "%s", text)
}

// loaded loads the script, and looks at what came of it.
func (c *checker) loaded(src source, o Options) {
	s, err := inspect(src, o)
	if err != nil {
		if !slices.ContainsFunc(c.found, func(f Finding) bool {
			return strings.Contains(err.Error(), "undeclared global") && f.Rule == "undeclared-global"
		}) {
			c.failed("load", err)
		}
		return
	}
	if s.Policy == nil {
		return
	}
	if err := s.Policy.CheckLimits(); err != nil {
		c.at(c.line("limits", "attempt"), "attempt", "deadlines", "%v", err)
	}
	for key, prompts := range map[string][]string{"uboot": s.Policy.UBoot.Prompts, "linux": s.Policy.Linux.Prompts} {
		for _, p := range prompts {
			if bare := strings.TrimSpace(p); len(bare) == 1 && bare != "#" && bare != "$" {
				c.at(c.line(key, "prompt"), "prompt", "generic-prompt", "%s.prompt %q ends much other text, too: give more of it", key, p)
			}
		}
	}
	c.flash(s)
	if !s.Overrides["flash"] {
		c.files(s.Policy)
	}
}

// flash looks whether a flash of the script's own writes and verifies.
func (c *checker) flash(s *Script) {
	if !s.Overrides["flash"] && c.calls["sequence"] {
		c.at(c.line("sequence", ""), "sequence", "unused-sequence", "the sequence is not used: say board.flash = seq.flash")
	}
	proves := c.calls["write"] || c.calls["sequence"] || c.calls["flash"]
	if s.Overrides["flash"] && c.without != nil && !c.calls["write"] {
		c.at(c.without.Line(), "write", "never-written", "the sequence loses its step write, and nothing calls write(job), which writes the image and verifies it: the run would end as flash.unverified")
	}
	if !s.Overrides["flash"] || proves {
		return
	}
	c.at(c.line("flash", ""), "flash", "never-written", "flash never calls write(job), which writes the image and verifies it: the run would end as flash.unverified")
	for _, w := range c.writes {
		c.at(w.Line(), "", "unverified-write", "what this command writes is never verified: call write(job) behind it")
	}
}

// files looks for boot files that nobody uses.
func (c *checker) files(p *engine.Policy) {
	named := addresses(p.Boot)
	for name, f := range p.Files {
		if !strings.Contains(p.Boot, name+"_addr") && !strings.Contains(p.Boot, name+"_size") && !named[f.Address] {
			c.at(c.line("files", name), name, "unused-file", "files.%s is loaded, but boot uses neither ${%[1]s_addr} nor %#x", name, f.Address)
		}
	}
}

var number = regexp.MustCompile(`\b(?:0[xX])?[0-9a-fA-F]+\b`)

// addresses are the numbers in a U-Boot command, which are hexadecimal.
func addresses(cmd string) map[uint64]bool {
	all := map[uint64]bool{}
	for _, s := range number.FindAllString(cmd, -1) {
		if n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(s), "0x"), 16, 64); err == nil {
			all[n] = true
		}
	}
	return all
}

// line is where a key of the policy is written, else where its section is, else the first line.
func (c *checker) line(section, key string) int {
	if c.words == nil {
		c.words = map[string]int{}
		for i, l := range c.lines {
			code, _, _ := strings.Cut(l, "--")
			for _, word := range word.FindAllString(code, -1) {
				if c.words[word] == 0 {
					c.words[word] = i + 1
				}
			}
		}
	}
	return cmp.Or(c.words[key], c.words[section], 1)
}

var word = regexp.MustCompile(`\w+`)

// applySuppressions leaves out what the script silences, and finds silencers without a reason or without an effect.
func (c *checker) applySuppressions() []Finding {
	type silence struct {
		rules  []string
		reason bool
		used   map[string]bool
	}
	all := map[int]*silence{}
	for i, l := range c.lines {
		if m := suppression.FindStringSubmatch(strings.TrimRight(l, " \r")); m != nil {
			all[i+1] = &silence{strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == ' ' }), m[2] != "", map[string]bool{}}
		}
	}
	kept := slices.DeleteFunc(c.found, func(f Finding) bool {
		for _, line := range []int{f.Line, f.Line - 1} {
			if s := all[line]; s != nil && s.reason && slices.Contains(s.rules, f.Rule) {
				s.used[f.Rule] = true
				return true
			}
		}
		return false
	})
	c.found = kept
	for line, s := range all {
		for _, rule := range s.rules {
			switch _, known := Rules[rule]; {
			case !known:
				c.at(line, rule, "silenced", "there is no rule %s%s", rule, DidYouMean(rule, ruleNames()))
			case !s.reason:
				c.at(line, rule, "silenced", "say why: -- check: allow %s because …", rule)
			case !s.used[rule]:
				c.at(line, rule, "silenced", "nothing here breaks the rule %s", rule)
			}
		}
	}
	slices.SortStableFunc(c.found, func(a, b Finding) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) })
	return c.found
}

func ruleNames() []string {
	var all []string
	for r := range Rules {
		all = append(all, r)
	}
	return all
}

// get looks at a member of a module, and at a name.
func (c *checker) get(x *ast.AttrGetExpr, n *names) {
	key, ok := text(x.Key)
	id, isName := x.Object.(*ast.IdentExpr)
	if !isName || n.has(id.Value) {
		if id == nil || id.Value != "board" { // handed on, as in board.flash = seq.flash
			c.calls[key] = true
		}
		c.objects.use(x.Object, key, x.Line())
		return
	}
	if members := c.host.members(id.Value); ok && members != nil && !slices.Contains(members, key) {
		c.at(x.Line(), key, "unknown-member", "%s has no %s%s", id.Value, key, suggest(key, members))
	}
}

func (c *checker) name(x *ast.IdentExpr, n *names) {
	if !n.has(x.Value) && !slices.Contains(c.globals, x.Value) {
		c.at(x.Line(), x.Value, "undeclared-global", "undeclared global %s%s", x.Value, DidYouMean(x.Value, append(slices.Clone(n.visible()), c.globals...)))
	}
}

func (n *names) visible() (all []string) {
	for ; n != nil; n = n.outer {
		all = append(all, n.all...)
	}
	return all
}
