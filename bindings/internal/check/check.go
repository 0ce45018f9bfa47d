// Package check is the static check of `flashlua check`: it finds mistakes in a script's syntax tree, without a
// board.
//
// It owns the rules and the comments that silence them. It does not compile, load or run a script: its caller
// brings the syntax tree, the names that scripts find, the options that functions take, and a function that
// loads the script.
package check

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine"
)

// Finding is a mistake in a script.
type Finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"` // in bytes, from 1
	Message string `json:"message"`
	Rule    string `json:"rule"`
}

// Rules are the rules by name, with what each demands.
var Rules = map[string]string{
	"syntax":            "the script is Lua",
	"load":              "the script loads: its keys, types, durations and targets are right",
	"deadlines":         "an attempt and its clean-up fit the total",
	"undeclared-global": "every name is declared",
	"unknown-member":    "a module or an object has the member that is used",
	"read-only":         "what flashlua hands to a function is not changed",
	"unknown-option":    "a function has the options that it is called with",
	"bad-option":        "an option has a value of its type, and is there if it is required",
	"bad-duration":      "a duration has its unit",
	"bad-argument":      "a function is called with arguments of its types, and with as many as it takes",
	"bad-call":          "a method is called with a colon, a function with a dot, and a field not at all",
	"forbidden-call":    "the functions of a policy call nothing that only programs may call",
	"stale-handle":      "a prompt or a shell is not used after it has ended",
	"bad-pattern":       "a Lua pattern or a regular expression is valid",
	"unknown-kind":      "a kind of error exists, or is made in the script",
	"generic-prompt":    "a prompt is not a single letter or mark that other text ends with",
	"bad-answer":        "classify and backoff return a valid answer",
	"unused-sequence":   "a sequence that is edited is the board's flash",
	"never-written":     "a flash function of the board writes and verifies the image, or verifies what something else wrote",
	"unverified-write":  "what a command writes to the medium is verified afterwards",
	"not-a-medium":      "a target is a medium to which an image can be written",
	"wrong-method":      "the policy's method can write the default target",
	"ram-overlap":       "files that are loaded together do not overlap in RAM",
	"unused-file":       "a boot file that is loaded is used by the boot command",
	"station":           "a station of a lab file has fields that exist, a board that loads, and what that board takes",
	"shared-connection": "no two stations of a lab file have the same console or outlet",
	"silenced":          "a rule is silenced with a reason, and only where it is broken",
}

// raising are the rules that a line breaks only if it raises an error when it is executed.
var raising = []string{
	"undeclared-global", "unknown-member", "read-only", "unknown-option", "bad-option", "bad-duration", "bad-argument", "bad-call",
	"bad-pattern", "bad-answer", "forbidden-call", "stale-handle",
}

// Raises reports whether a line that breaks a rule raises an error when it is executed.
func Raises(rule string) bool { return slices.Contains(raising, rule) }

// Input is a script, and what the check needs to know besides it.
type Input struct {
	File      string // for messages
	Text      []byte
	SyntaxErr error      // of compiling the text; without it, Tree is set
	Tree      []ast.Stmt // of the text

	Globals      []string                         // names that every script finds
	ProgramOnly  func(function string) bool       // "serial.open": it raises an error in a policy's functions
	Module       func(name string) (Module, bool) // that the script requires; false if it is none of the script's own
	Members      func(module string) []string     // names in a module; nil if there is no such module
	Functions    []option.Function                // functions that take options
	CheckPattern func(pattern string) error       // of a Lua pattern
	CheckRegexp  func(expression string) error    // of a regular expression
	// Load loads the script with a variant of its policy; "" is none.
	Load     func(variant string) (Loaded, error)
	FileSize func(p *engine.Policy, name string) int64 // of a file of the policy; 0 is not known
}

// Loaded is what loading the script returned.
type Loaded struct {
	Policy   *engine.Policy        // nil for a program; the value of a wrong key is its default
	Program  bool                  // it is a program
	OwnFlash bool                  // the policy has a flash of its own
	Hooks    map[string]Definition // the policy's functions, by key; nil if they are not known
	Mistakes []Mistake             // in the policy's keys
}

// Module is a file beside the script. Plain data.
type Module struct {
	File string // for messages
	Text []byte
	Tree []ast.Stmt
}

// Mistake is a wrong key of a policy, or of a lab file.
type Mistake struct {
	Key  string // dotted
	Err  error  // its text begins with the place
	Rule string // that it breaks; "" is load
}

// wrong reports whether a key, or one of its section, is wrong.
func (l Loaded) wrong(key string) bool {
	return slices.ContainsFunc(l.Mistakes, func(m Mistake) bool {
		return m.Key == key || strings.HasPrefix(m.Key, key+".") || strings.HasPrefix(key, m.Key+".")
	})
}

// maxWalks bounds how often a script is walked. What is known of its values is then used only if it has settled.
const maxWalks = 30

// Run returns the mistakes in a script, sorted by line and column.
func Run(in Input) []Finding {
	c := newChecker(in)
	switch {
	case in.SyntaxErr == nil:
		c.load()
		c.infer()
		c.checkKinds()
		c.checkForbidden()
		c.checkLoaded()
	case classify.Find(in.SyntaxErr, classify.ScriptLimit) != nil:
		c.reportError("load", in.SyntaxErr)
	default:
		c.reportError("syntax", in.SyntaxErr)
	}
	return c.applySuppressions()
}

// file is a file of the script.
type file struct {
	name  string
	lines []string
	found []Finding
	has   map[Finding]bool
}

func newFile(name string, text []byte) *file {
	return &file{name: name, lines: strings.Split(string(text), "\n"), has: map[Finding]bool{}}
}

// checker checks one script.
type checker struct {
	in         Input
	loaded     Loaded
	loadErr    error
	files      []*file        // the script, and the modules that it requires
	file       *file          // that is walked
	firstLines map[string]int // first line of each word of the script, made on first use

	// What is known of values. Each walk adds to it; changed says that the last one did.
	changed   bool
	reporting bool // findings count: this is the last walk
	function  *function
	chunks    []*function // the script, and its modules
	functions map[*ast.FunctionExpr]*function
	tables    map[*ast.TableExpr]*table
	variables map[declaration]*variable
	modules   map[string]*module
	defined   map[string]bool // names of functions in tables of the script
	dynamic   bool            // the script requires modules whose names are not known
	handles   handles
	numbers   int                        // of the handles
	inline    map[*ast.FunctionExpr]bool // they are called by the call that they are arguments of

	hooks        map[*ast.FunctionExpr]string // the policy's functions, and their keys
	keys         map[*ast.FunctionExpr]string // functions that are assigned to a key which a policy may have
	policyTables map[*ast.TableExpr]bool      // they may be the policy
	policyNames  map[string]bool              // names of the policy

	declaredKinds map[classify.Kind]bool // kinds of error that the script makes itself
	usedKinds     []kindUse
	calls         map[string]bool      // functions that are called, or passed on, anywhere
	writes        []ast.PositionHolder // commands that write a medium
	removedWrite  ast.PositionHolder   // where a sequence loses its step write
}

func newChecker(in Input) *checker {
	c := &checker{
		in: in, files: []*file{newFile(in.File, in.Text)}, functions: map[*ast.FunctionExpr]*function{},
		tables: map[*ast.TableExpr]*table{}, variables: map[declaration]*variable{}, modules: map[string]*module{}, defined: map[string]bool{},
		policyTables: map[*ast.TableExpr]bool{}, inline: map[*ast.FunctionExpr]bool{}, hooks: map[*ast.FunctionExpr]string{}, keys: map[*ast.FunctionExpr]string{}, declaredKinds: map[classify.Kind]bool{}, calls: map[string]bool{},
	}
	c.file, c.reporting = c.files[0], true
	if c.in.ProgramOnly == nil {
		c.in.ProgramOnly = func(string) bool { return false }
	}
	if c.in.Module == nil {
		c.in.Module = func(string) (Module, bool) { return Module{}, false }
	}
	members := map[string][]string{}
	c.in.Members = func(name string) []string {
		all, ok := members[name]
		if !ok {
			all = in.Members(name)
			members[name] = all
		}
		return all
	}
	return c
}

// infer walks the script until all that can be known of its values is known, and then once more to report.
func (c *checker) infer() {
	c.findPolicyTables(c.in.Tree)
	chunk := &function{calls: map[*function]bool{}}
	c.chunks = append(c.chunks, chunk)
	c.reporting, c.changed = false, true
	c.walk(chunk, c.in.Tree) // to find all functions
	c.findHooks()
	c.restart()
	for n := 0; c.changed; n++ {
		if c.changed = false; n == maxWalks {
			c.forget()
			break
		}
		c.walk(chunk, c.in.Tree)
	}
	c.reporting = true
	c.walk(chunk, c.in.Tree)
	c.file = c.files[0]
}

// walk walks the script and its modules once.
func (c *checker) walk(chunk *function, tree []ast.Stmt) {
	c.usedKinds, c.writes = nil, nil
	for _, m := range c.modules {
		m.walked = false
	}
	c.file, c.function, chunk.denied = c.files[0], chunk, nil
	c.handles = handles{}
	c.block(tree, &scope{})
}

// restart drops what is known of values.
func (c *checker) restart() {
	c.functions, c.tables, c.variables = map[*ast.FunctionExpr]*function{}, map[*ast.TableExpr]*table{}, map[declaration]*variable{}
	for _, f := range c.chunks {
		f.results = [3]value{}
	}
}

// forget makes all values unknown.
func (c *checker) forget() {
	for _, v := range c.variables {
		v.value = unknown
	}
	for _, t := range c.tables {
		t.shared = true
	}
	for _, f := range c.functions {
		f.results = [3]value{unknown, unknown, unknown}
	}
	for _, m := range c.modules {
		m.chunk.results = [3]value{unknown, unknown, unknown}
	}
}

// report adds a finding at a word of a line.
func (c *checker) report(line int, word, rule, format string, a ...any) {
	c.reportIn(c.file, line, word, rule, format, a...)
}

// reportIn adds a finding at a word of a line of a file. A function that is called in several ways has it once.
func (c *checker) reportIn(in *file, line int, word, rule, format string, a ...any) {
	if !c.reporting {
		return
	}
	column := 1
	if line > 0 && line <= len(in.lines) {
		column = strings.Index(in.lines[line-1], word) + 1
	}
	f := Finding{in.name, line, max(column, 1), fmt.Sprintf(format, a...), rule}
	if !in.has[f] {
		in.has[f] = true
		in.found = append(in.found, f)
	}
}

var position = lazyRegexp(`^(.*?):(\d+):?\s*`)

// reportError adds a finding for an error whose text begins with its position.
func (c *checker) reportError(rule string, err error) {
	text, _ := c.cutPosition(err)
	word, _, _ := strings.Cut(text, " ")
	c.reportErrorAt(rule, word[strings.LastIndexByte(word, '.')+1:], err)
}

// reportErrorAt is reportError for a finding at a word of the line.
func (c *checker) reportErrorAt(rule, word string, err error) {
	text, line := c.cutPosition(err)
	c.report(line, word, rule, "%s", text)
}

// cutPosition returns the text of an error without its position in the script, and the line, 1 if it has none.
func (c *checker) cutPosition(err error) (text string, line int) {
	text, line = err.Error(), 1
	if m := position().FindStringSubmatch(text); m != nil && m[1] == c.in.File {
		line, _ = strconv.Atoi(m[2])
		text = strings.TrimPrefix(text, m[0])
	}
	return strings.TrimPrefix(text, c.in.File+": "), line
}

var word = lazyRegexp(`\w+`)

// line returns the line of a policy's key, else of its section, else the first line.
func (c *checker) line(section, key string) int {
	if c.firstLines == nil {
		c.firstLines = map[string]int{}
		for i, l := range c.files[0].lines {
			code, _, _ := strings.Cut(l, "--")
			for _, w := range word().FindAllString(code, -1) {
				if c.firstLines[w] == 0 {
					c.firstLines[w] = i + 1
				}
			}
		}
	}
	return cmp.Or(c.firstLines[key], c.firstLines[section], 1)
}

// kindUse is a kind of error that the script asks for.
type kindUse struct {
	kind string
	line int
	file *file
}

// checkKinds reports kinds of error that neither flashlua nor the script makes.
func (c *checker) checkKinds() {
	for _, k := range c.usedKinds {
		if !c.declaredKinds[classify.Kind(k.kind)] && !classify.Known(classify.Kind(k.kind)) {
			c.reportIn(k.file, k.line, k.kind, "unknown-kind", "there is no kind %q%s", k.kind, suggest.Nearest(k.kind, classify.Kinds()))
		}
	}
}
