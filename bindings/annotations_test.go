package bindings

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/scripts"
)

// luaTypes are LuaCATS' own types.
var luaTypes = []string{"string", "number", "integer", "boolean", "nil", "any", "table", "function", "thread", "self", "true", "false"}

// typeParser reads a type of LuaCATS. It panics with a syntaxError.
type typeParser struct {
	text  string
	names []string // of types that it read
}

type syntaxError string

func (p *typeParser) fail(format string, a ...any) {
	panic(syntaxError(fmt.Sprintf(format, a...) + fmt.Sprintf(" at %q", p.text)))
}

// take skips blanks, and reports whether the text begins with token, which it skips.
func (p *typeParser) take(token string) bool {
	rest, ok := strings.CutPrefix(strings.TrimLeft(p.text, " "), token)
	if ok {
		p.text = rest
	}
	return ok
}

func (p *typeParser) want(token string) {
	if !p.take(token) {
		p.fail("want %q", token)
	}
}

// match returns what the text begins with, and skips it; "" if it does not match.
func (p *typeParser) match(pattern *regexp.Regexp) string {
	p.text = strings.TrimLeft(p.text, " ")
	found := pattern.FindString(p.text)
	p.text = p.text[len(found):]
	return found
}

var (
	typeName  = regexp.MustCompile(`^[A-Za-z_][\w.]*`)
	paramName = regexp.MustCompile(`^(?:\w+|\.\.\.|\[\d+\])`)
	literal   = regexp.MustCompile(`^(?:"[^"]*"|\d+)`)
)

// union reads a type: TYPE, TYPE|TYPE.
func (p *typeParser) union() {
	for {
		p.single()
		for strings.HasPrefix(p.text, "[]") || strings.HasPrefix(p.text, "?") { // no blanks before them
			p.text = strings.TrimPrefix(strings.TrimPrefix(p.text, "[]"), "?")
		}
		if !strings.HasPrefix(p.text, "|") {
			return
		}
		p.text = p.text[1:]
	}
}

func (p *typeParser) single() {
	switch {
	case p.take("fun("):
		p.params()
	case p.take("("):
		p.union()
		p.want(")")
	case p.take("{"):
		for more := true; more; more = p.take(",") {
			if p.take("[") {
				p.union()
				p.want("]")
			} else if p.match(typeName) == "" {
				p.fail("want a field")
			}
			p.take("?")
			p.want(":")
			p.union()
		}
		p.want("}")
	case p.match(literal) != "":
	default:
		name := p.match(typeName)
		if name == "" {
			p.fail("want a type")
		}
		p.names = append(p.names, name)
		if p.take("<") {
			for more := true; more; more = p.take(",") {
				p.union()
			}
			p.want(">")
		}
	}
}

// params reads the parameters and the results of a function, after "fun(".
func (p *typeParser) params() {
	for !p.take(")") {
		if p.match(paramName) == "" {
			p.fail("want a parameter")
		}
		if p.take("?"); p.take(":") {
			p.union()
		}
		p.take(",")
	}
	if strings.HasPrefix(p.text, ":") {
		p.text = p.text[1:]
		p.union()
	}
}

// typesIn returns the names of types in an annotation, "@param name TYPE description".
func typesIn(tag, rest string) (names []string, err error) {
	p := &typeParser{text: rest}
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("%s", x.(syntaxError))
		}
	}()
	switch tag {
	case "meta", "class":
		return nil, nil
	case "generic":
		if p.match(typeName); p.take(":") {
			p.union()
		}
	case "alias", "param", "field":
		if p.match(paramName) == "" {
			p.fail("want a name")
		}
		p.take("?")
		p.union()
	case "type", "overload":
		p.union()
	case "return":
		for more := true; more; more = p.take(",") {
			p.union()
			p.match(regexp.MustCompile(`^\w+`)) // its name
		}
	default:
		p.fail("unknown annotation @%s", tag)
	}
	return p.names, nil
}

// annotated returns the scripts whose annotations are tested, by their names: the stub, those that come with
// flashlua, the examples, and those in the documents.
func annotated(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"scripts/meta/flashlua.lua": scripts.Stub}
	fs.WalkDir(scripts.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if text, err := fs.ReadFile(scripts.FS, path); err == nil {
			all["scripts/"+path] = string(text)
		}
		return nil
	})
	for _, pattern := range []string{"../scripts/examples/*.lua", "../cmd/flashlua/*.lua", "../docs/*.md", "../README.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("Glob(%s) = %v, %v; want files", pattern, paths, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Ext(path) == ".lua" {
				all[strings.TrimPrefix(path, "../")] = string(text)
			} else {
				for i, block := range strings.Split(string(text), "```lua\n")[1:] {
					block, _, _ = strings.Cut(block, "```")
					all[fmt.Sprintf("%s, script %d", strings.TrimPrefix(path, "../"), i+1)] = block
				}
			}
		}
	}
	return all
}

// TestAnnotations parses the annotations of all scripts: each type is declared, each parameter exists, and the
// functions of the stub and of the libraries have a type for each of their parameters.
func TestAnnotations(t *testing.T) {
	declared := slices.Clone(luaTypes)
	for _, m := range regexp.MustCompile(`(?m)^---@(?:class|alias) (?:\(exact\) )?([\w.]+)`).FindAllStringSubmatch(scripts.Stub, -1) {
		if slices.Contains(declared, m[1]) {
			t.Errorf("scripts/meta/flashlua.lua declares %s twice", m[1])
		}
		declared = append(declared, m[1])
	}
	annotation := regexp.MustCompile(`^\s*---@(\w+) ?(.*)$`)
	function := regexp.MustCompile(`^\s*(?:local )?function ([\w.:]+)\(([^)]*)\)`)
	found := 0
	for name, text := range annotated(t) {
		var params, generic []string
		for i, line := range strings.Split(text, "\n") {
			at := fmt.Sprintf("%s:%d", name, i+1)
			if m := annotation.FindStringSubmatch(line); m != nil {
				found++
				types, err := typesIn(m[1], m[2])
				if err != nil {
					t.Errorf("%s: %s: %v", at, strings.TrimSpace(line), err)
				}
				switch m[1] {
				case "generic":
					generic = append(generic, typeName.FindString(m[2]))
				case "param":
					params = append(params, paramName.FindString(m[2]))
				}
				for _, x := range types {
					if !slices.Contains(declared, x) && !slices.Contains(generic, x) {
						t.Errorf("%s: type %s is not declared; add a class or an alias to scripts/meta/flashlua.lua", at, x)
					}
				}
				continue
			}
			if strings.HasPrefix(strings.TrimSpace(line), "--") {
				continue
			}
			if m := function.FindStringSubmatch(line); m != nil {
				has := strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' })
				typed := name == "scripts/meta/flashlua.lua" || strings.HasPrefix(name, "scripts/lib/") && strings.HasPrefix(m[1], "M.")
				if (typed || params != nil) && !slices.Equal(has, params) {
					t.Errorf("%s: function %s has @param for %q; want one for each of %q", at, m[1], params, has)
				}
			}
			params, generic = nil, nil
		}
	}
	if found < 300 {
		t.Errorf("the scripts have %d annotations; want at least 300", found)
	}
}
