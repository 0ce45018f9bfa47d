package bindings

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// Finding is what Check has against a script.
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

// silencer is `-- check: allow RULE, RULE because REASON`, on the line of the finding or on the one before it.
var silencer = regexp.MustCompile(`--\s*check:\s*allow\s+([\w, -]+?)(?:\s+because\s+(\S.*))?$`)

// Check looks at a script without touching anything, and gives what is wrong with it in the order of its lines.
func Check(spec string, o Options) ([]Finding, error) {
	src, err := find(spec)
	if err != nil {
		return nil, err
	}
	c := &checker{
		file: src.name, lines: strings.Split(string(src.text), "\n"), host: newHost(src, o), made: map[classify.Kind]bool{}, calls: map[string]bool{},
		objects: objects{kinds: map[string]string{}}, hooked: map[*ast.FunctionExpr]bool{},
	}
	c.globals = c.host.globalNames()
	if _, err := compile(src.name, src.text); err != nil {
		c.failed("syntax", err)
	} else {
		tree, err := parse.Parse(bytes.NewReader(lua51(src.text)), src.name)
		if err != nil {
			return nil, err
		}
		c.block(tree, &names{})
		c.unknownKinds()
		c.unknownMembers()
		c.loaded(src, o)
	}
	return c.silenced(), nil
}

// checker looks at one script.
type checker struct {
	file    string
	lines   []string
	host    *host
	globals []string
	made    map[classify.Kind]bool // kinds that the script makes itself
	asked   []kindAsked
	calls   map[string]bool      // functions that are called, or handed on, anywhere
	writes  []ast.PositionHolder // commands that write a medium
	without ast.PositionHolder   // where a sequence loses its write
	objects objects
	hooked  map[*ast.FunctionExpr]bool // the policy's functions
	found   []Finding
}

// kindAsked is a kind that the script asks an error for.
type kindAsked struct {
	kind string
	line int
}

// unknownKinds finds kinds that nobody makes.
func (c *checker) unknownKinds() {
	for _, k := range c.asked {
		if !c.made[classify.Kind(k.kind)] && !classify.Known(classify.Kind(k.kind)) {
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
	if err := s.Policy.Fits(); err != nil {
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
	if !s.Own["flash"] {
		c.files(s.Policy)
	}
}

// flash looks whether a flash of the script's own writes and verifies.
func (c *checker) flash(s *Script) {
	if !s.Own["flash"] && c.calls["sequence"] {
		c.at(c.line("sequence", ""), "sequence", "unused-sequence", "the sequence is not used: say board.flash = seq.flash")
	}
	proves := c.calls["write"] || c.calls["sequence"] || c.calls["flash"]
	if s.Own["flash"] && c.without != nil && !c.calls["write"] {
		c.at(c.without.Line(), "write", "never-written", "the sequence loses its step write, and nothing calls write(job), which writes the image and verifies it: the run would end as flash.unverified")
	}
	if !s.Own["flash"] || proves {
		return
	}
	c.at(c.line("flash", ""), "flash", "never-written", "flash never calls write(job), which writes the image and verifies it: the run would end as flash.unverified")
	for _, w := range c.writes {
		c.at(w.Line(), "", "unverified-write", "what this command writes is never verified: call write(job) behind it")
	}
}

// files looks for boot files that nobody uses.
func (c *checker) files(p *engine.Policy) {
	for name, f := range p.Files {
		if !strings.Contains(p.Boot, name+"_addr") && !strings.Contains(p.Boot, name+"_size") && !mentions(p.Boot, f.Address) {
			c.at(c.line("files", name), name, "unused-file", "files.%s is loaded, but boot uses neither ${%[1]s_addr} nor %#x", name, f.Address)
		}
	}
}

var number = regexp.MustCompile(`\b(?:0[xX])?[0-9a-fA-F]+\b`)

// mentions reports whether a U-Boot command has an address in it. Its numbers are hexadecimal.
func mentions(cmd string, address uint64) bool {
	return slices.ContainsFunc(number.FindAllString(cmd, -1), func(s string) bool {
		n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(s), "0x"), 16, 64)
		return err == nil && n == address
	})
}

// line is where a key of the policy is written, else where its section is, else the first line.
func (c *checker) line(section, key string) int {
	for _, k := range []string{key, section} {
		word := regexp.MustCompile(`\b` + regexp.QuoteMeta(k) + `\b`)
		for i, l := range c.lines {
			code, _, _ := strings.Cut(l, "--")
			if k != "" && word.MatchString(code) {
				return i + 1
			}
		}
	}
	return 1
}

// silenced leaves out what the script silences, and finds silencers without a reason or without an effect.
func (c *checker) silenced() []Finding {
	type silence struct {
		rules  []string
		reason bool
		used   map[string]bool
	}
	all := map[int]*silence{}
	for i, l := range c.lines {
		if m := silencer.FindStringSubmatch(strings.TrimRight(l, " \r")); m != nil {
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

// text is the value of a string constant.
func text(e ast.Expr) (string, bool) {
	s, ok := e.(*ast.StringExpr)
	if !ok {
		return "", false
	}
	return s.Value, true
}

// called is the last name of what is called.
func called(call *ast.FuncCallExpr) string {
	if call.Receiver != nil {
		return call.Method
	}
	if get, ok := call.Func.(*ast.AttrGetExpr); ok {
		s, _ := text(get.Key)
		return s
	}
	return ""
}

// flashOptions are those of flash.run.
var flashOptions = []string{"image", "parts", "port", "power", "target", "files", "sha256", "timeout", "retries", "set"}

// optionsOf are the options of methods that take a table, and which of them are durations.
var optionsOf = map[string]struct{ known, durations []string }{
	"before": {[]string{"name", "run", "retries", "timeout", "destroys", "aborts"}, []string{"timeout"}}, // of a sequence
	"after":  {[]string{"name", "run", "retries", "timeout", "destroys", "aborts"}, []string{"timeout"}},
	"step":   {[]string{"retries", "timeout", "destroys", "aborts"}, []string{"timeout"}},
	"run":    {[]string{"timeout", "stall", "line"}, []string{"timeout", "stall"}},
	"exec":   {[]string{"timeout", "stall", "line"}, []string{"timeout", "stall"}},
	"expect": {[]string{"timeout", "stall"}, []string{"timeout", "stall"}},
	"drain":  {[]string{"quiet", "timeout"}, []string{"quiet", "timeout"}},
}

var writesMedium = regexp.MustCompile(`\bdd\b[^|;&]*\bof=/dev/|\b(?:mmc|sf|nand|usb) write\b|\bblkdiscard\b`)

// call looks at one call.
func (c *checker) call(x *ast.FuncCallExpr) {
	name := called(x)
	c.calls[name] = true
	if o, ok := optionsOf[name]; ok && x.Receiver != nil {
		for _, a := range x.Args {
			if t, ok := a.(*ast.TableExpr); ok {
				c.options(t, name, o.known, o.durations)
			}
		}
	}
	if x.Receiver != nil {
		c.objects.use(x.Receiver, name, x.Line())
	}
	if step, ok := text(first(x.Args)); ok && step == "write" && x.Receiver != nil && (name == "remove" || name == "replace") {
		c.without = x
	}
	if module, ok := x.Func.(*ast.AttrGetExpr); ok && name == "run" {
		if id, ok := module.Object.(*ast.IdentExpr); ok && id.Value == "flash" && len(x.Args) > 1 {
			if t, ok := x.Args[1].(*ast.TableExpr); ok {
				c.options(t, "flash.run", flashOptions, []string{"timeout"})
			}
		}
	}
	if cmd, ok := text(first(x.Args)); ok && (name == "run" || name == "exec") && writesMedium.MatchString(cmd) {
		c.writes = append(c.writes, x)
	}
	arg := func(i int) (string, int, bool) {
		if x.Receiver == nil { // string.find(s, pattern), errors.is(err, kind)
			i++
		}
		if i >= len(x.Args) {
			return "", 0, false
		}
		s, ok := text(x.Args[i])
		return s, x.Args[i].Line(), ok
	}
	switch name {
	case "find", "match", "gmatch", "gsub", "console":
		if s, line, ok := arg(0); ok && !(name == "find" && len(x.Args) > 2) { // with more than two, it may be plain
			if err := checkPattern(s); err != nil {
				c.at(line, s, "bad-pattern", "%v: %q", err, s)
			}
		}
	case "is":
		if s, line, ok := arg(0); ok {
			c.asked = append(c.asked, kindAsked{s, line})
		}
	case "new":
		if t, ok := first(x.Args).(*ast.TableExpr); ok {
			for _, f := range t.Fields {
				k, _ := text(f.Key)
				if v, ok := text(f.Value); ok && k == "kind" {
					c.made[classify.Kind(v)] = true
				}
			}
		}
	case "sleep", "seconds":
		if s, ok := text(first(x.Args)); ok && x.Receiver == nil {
			if _, err := durationText(s); err != nil {
				c.at(x.Line(), s, "bad-duration", "%s %v", name, err)
			}
		}
	}
}

func first(args []ast.Expr) ast.Expr {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}

// hook looks at a function that may be one of the policy's, by its key.
func (c *checker) hook(key string, f *ast.FunctionExpr) {
	c.answers(key, f)
	if kinds, ok := parameters[key]; ok {
		c.hooked[f] = true
		c.objects.params(f, kinds...)
	}
}

// answers looks at what classify and backoff return.
func (c *checker) answers(hook string, f *ast.FunctionExpr) {
	var look func([]ast.Stmt)
	look = func(stmts []ast.Stmt) {
		for _, s := range stmts {
			switch x := s.(type) {
			case *ast.ReturnStmt:
				if answer, ok := text(first(x.Exprs)); ok {
					c.answer(hook, answer, x.Line())
				} else if n, ok := first(x.Exprs).(*ast.NumberExpr); ok && hook == "backoff" {
					c.at(x.Line(), n.Value, "bad-answer", `backoff answers a duration with its unit, "30s", or next(n, err), not a number`)
				}
			case *ast.IfStmt:
				look(x.Then)
				look(x.Else)
			case *ast.DoBlockStmt:
				look(x.Stmts)
			case *ast.WhileStmt:
				look(x.Stmts)
			case *ast.NumberForStmt:
				look(x.Stmts)
			case *ast.GenericForStmt:
				look(x.Stmts)
			}
		}
	}
	if hook == "classify" || hook == "backoff" {
		look(f.Stmts)
	}
}

func (c *checker) answer(hook, answer string, line int) {
	if hook == "classify" && answer != classify.Retryable.String() && answer != classify.NonRetryable.String() {
		c.at(line, answer, "bad-answer", `classify answers "retry", "fatal" or next(err), not %q`, answer)
	}
	if hook == "backoff" {
		if _, err := time.ParseDuration(answer); err != nil {
			c.at(line, answer, "bad-answer", `backoff answers a duration with its unit, "30s", or next(n, err), not %q`, answer)
		}
	}
}

// options looks at a table of options.
func (c *checker) options(t *ast.TableExpr, method string, known, durations []string) {
	for _, f := range t.Fields {
		k, ok := text(f.Key)
		switch {
		case !ok:
		case !slices.Contains(known, k):
			c.at(f.Value.Line(), k, "unknown-option", "%s has no option %s%s", method, k, suggest(k, known))
		case slices.Contains(durations, k):
			if s, ok := text(f.Value); ok {
				if _, err := durationText(s); err != nil {
					c.at(f.Value.Line(), s, "bad-duration", "option %s %v", k, err)
				}
			} else if _, isNumber := f.Value.(*ast.NumberExpr); isNumber {
				c.at(f.Value.Line(), k, "bad-duration", `option %s must be a duration with its unit, "90s" or "5m", not a number`, k)
			}
		}
	}
}

// checkPattern says what is wrong with a Lua pattern.
func checkPattern(p string) (err error) {
	m := &matcher{pat: p}
	defer func() {
		if g, ok := recover().(gaveUp); ok {
			err = g.error
		}
	}()
	open := 0
	for i := 0; i < len(p); {
		switch {
		case p[i] == '(':
			open++
			i++
		case p[i] == ')':
			if open--; open < 0 {
				return errCaptureEnd
			}
			i++
		case p[i] == '%' && i+1 < len(p) && p[i+1] == 'b':
			if i+3 >= len(p) {
				return errPatternB
			}
			i += 4
		case p[i] == '%' && i+1 < len(p) && p[i+1] == 'f':
			if i+2 >= len(p) || p[i+2] != '[' {
				return errPatternF
			}
			i = m.item(i + 2)
		default:
			i = m.item(i)
		}
	}
	if open > 0 {
		return errCaptureOpen
	}
	return nil
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
