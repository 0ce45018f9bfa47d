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
	"github.com/flashlua/flashlua/bindings/internal/suggest"
	"github.com/flashlua/flashlua/classify"
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
	"bad-pattern":       "a Lua pattern is valid",
	"unknown-kind":      "a kind of error exists, or is made in the script",
	"generic-prompt":    "a prompt is not a single letter or mark that other text ends with",
	"bad-answer":        "classify and backoff return a valid answer",
	"unused-sequence":   "a sequence that is edited is the board's flash",
	"never-written":     "a flash function of the board writes the image, and so verifies it",
	"unverified-write":  "what a command writes to the medium is verified afterwards",
	"not-a-medium":      "a target is a block device, to which an image can be written",
	"ram-overlap":       "files that are loaded together do not overlap in RAM",
	"unused-file":       "a boot file that is loaded is used by the boot command",
	"silenced":          "a rule is silenced with a reason, and only where it is broken",
}

// Input is a script, and what the check needs to know besides it.
type Input struct {
	File      string // for messages
	Text      []byte
	SyntaxErr error      // of compiling the text; without it, Tree is set
	Tree      []ast.Stmt // of the text

	Globals      []string                                  // names that every script finds
	Members      func(module string) []string              // names in a module; nil if there is no such module
	Functions    []option.Function                         // functions that take options
	CheckPattern func(pattern string) error                // of a Lua pattern
	Load         func(variant string) (Loaded, error)      // loads the script with a variant of its policy; "" is none
	FileSize     func(p *engine.Policy, name string) int64 // of a file of the policy; 0 is not known
}

// Loaded is what loading the script returned.
type Loaded struct {
	Policy   *engine.Policy // nil for a program; the value of a wrong key is its default
	OwnFlash bool           // the policy has a flash of its own
	Mistakes []Mistake      // in the policy's keys
}

// Mistake is a wrong key of a policy.
type Mistake struct {
	Key string // dotted
	Err error  // its text begins with the place
}

// wrong reports whether a key, or one of its section, is wrong.
func (l Loaded) wrong(key string) bool {
	return slices.ContainsFunc(l.Mistakes, func(m Mistake) bool {
		return m.Key == key || strings.HasPrefix(m.Key, key+".") || strings.HasPrefix(key, m.Key+".")
	})
}

// Run returns the mistakes in a script, sorted by line and column.
func Run(in Input) []Finding {
	c := &checker{
		in: in, lines: strings.Split(string(in.Text), "\n"), declaredKinds: map[classify.Kind]bool{}, calls: map[string]bool{},
		objects: objects{kinds: map[string]string{}}, hooks: map[*ast.FunctionExpr]bool{},
	}
	switch {
	case in.SyntaxErr == nil:
		c.block(in.Tree, &scope{})
		c.checkKinds()
		c.checkMembers()
		c.checkOptions()
		c.checkLoaded()
	case classify.Find(in.SyntaxErr, classify.ScriptLimit) != nil:
		c.reportError("load", in.SyntaxErr)
	default:
		c.reportError("syntax", in.SyntaxErr)
	}
	return c.applySuppressions()
}

// checker checks one script.
type checker struct {
	in            Input
	lines         []string
	firstLines    map[string]int         // first line of each word, made on first use
	declaredKinds map[classify.Kind]bool // kinds of error that the script makes itself
	usedKinds     []kindUse
	calls         map[string]bool      // functions that are called, or passed on, anywhere
	writes        []ast.PositionHolder // commands that write a medium
	removedWrite  ast.PositionHolder   // where a sequence loses its step write
	objects       objects
	optionTables  []optionTable
	hooks         map[*ast.FunctionExpr]bool // the policy's functions
	found         []Finding
}

// scope is the local names of a block and of the blocks around it.
type scope struct {
	outer *scope
	names []string
}

func (s *scope) contains(name string) bool {
	for ; s != nil; s = s.outer {
		if slices.Contains(s.names, name) {
			return true
		}
	}
	return false
}

func (s *scope) visible() (all []string) {
	for ; s != nil; s = s.outer {
		all = append(all, s.names...)
	}
	return all
}

// report adds a finding at a word of a line.
func (c *checker) report(line int, word, rule, format string, a ...any) {
	column := 1
	if line > 0 && line <= len(c.lines) {
		column = strings.Index(c.lines[line-1], word) + 1
	}
	c.found = append(c.found, Finding{c.in.File, line, max(column, 1), fmt.Sprintf(format, a...), rule})
}

var position = lazyRegexp(`^(.*?):(\d+):?\s*`)

// reportError adds a finding for an error whose text begins with its position.
func (c *checker) reportError(rule string, err error) {
	text, line := err.Error(), 1
	if m := position().FindStringSubmatch(text); m != nil && m[1] == c.in.File {
		line, _ = strconv.Atoi(m[2])
		text = strings.TrimPrefix(text, m[0])
	}
	text = strings.TrimPrefix(text, c.in.File+": ")
	word, _, _ := strings.Cut(text, " ")
	c.report(line, word[strings.LastIndexByte(word, '.')+1:], rule, "%s", text)
}

var word = lazyRegexp(`\w+`)

// line returns the line of a policy's key, else of its section, else the first line.
func (c *checker) line(section, key string) int {
	if c.firstLines == nil {
		c.firstLines = map[string]int{}
		for i, l := range c.lines {
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
}

// checkKinds reports kinds of error that neither flashlua nor the script makes.
func (c *checker) checkKinds() {
	for _, k := range c.usedKinds {
		if !c.declaredKinds[classify.Kind(k.kind)] && !classify.Known(classify.Kind(k.kind)) {
			c.report(k.line, k.kind, "unknown-kind", "there is no kind %q%s", k.kind, suggest.Nearest(k.kind, classify.Kinds()))
		}
	}
}
