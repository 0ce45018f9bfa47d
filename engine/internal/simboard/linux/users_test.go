package linux

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"
)

// sources are the parts of the repository whose commands a board's shell runs: policies, documents, the engine's
// own commands, and tests that use a board. The other parts run on the station, or are the simulation itself.
var sources = []struct {
	dir, match string
	texts      func(file string, content []byte) []string
}{
	{"scripts", `\.lua$`, luaStrings},
	{"docs", `\.md$`, codeSpans},
	{".", `^README\.md$`, codeSpans},
	{"engine/shell", `\.go$`, goStrings},
	{"engine/internal/flash", `\.go$`, goStrings},
	{"engine/internal/flash", `^dut\.sh$`, whole},
	{"testdata/qemu", `\.go$`, goStrings},
	{"testdata/qemu/initramfs", `^(init|default\.script)$`, whole},
	{"testdata/script", `\.txtar$`, luaStrings},
	{"cmd/flashlua", `_test\.go$`, goStrings},
	{"bindings", `_test\.go$`, goStrings},
}

func whole(_ string, content []byte) []string { return []string{string(content)} }

// luaString is a string of Lua in one line, or a long one.
var luaString = regexp.MustCompile(`"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|(?s:\[\[(.*?)\]\])`)

func luaStrings(_ string, content []byte) (texts []string) {
	for _, m := range luaString.FindAllStringSubmatch(string(content), -1) {
		texts = append(texts, strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\n`, "\n").Replace(m[1]+m[2]+m[3]))
	}
	return texts
}

// codeSpan is a fenced block or an inline span of Markdown.
var codeSpan = regexp.MustCompile("(?s:```[a-z]*\n(.*?)```)|`([^`\n]+)`")

// codeSpans returns the inline spans and, of fenced blocks, the strings of Lua.
func codeSpans(file string, content []byte) (texts []string) {
	for _, m := range codeSpan.FindAllStringSubmatch(string(content), -1) {
		texts = append(texts, m[2])
		texts = append(texts, luaStrings(file, []byte(m[1]+"\n"+m[2]))...)
	}
	return texts
}

// goStrings returns the string literals of Go and the strings of Lua in them.
func goStrings(file string, content []byte) (texts []string) {
	f, err := parser.ParseFile(token.NewFileSet(), file, content, parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if text, ok := constant(n); ok {
			texts = append(texts, luaStrings(file, []byte(text))...)
			if strings.ContainsAny(text, " \n") { // a single word is a key or a path more often than a command
				texts = append(texts, text)
			}
			return false
		}
		return true
	})
	return texts
}

// constant returns a string literal, or several with + between them, where x stands for what is no literal.
func constant(n ast.Node) (text string, ok bool) {
	switch n := n.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(n.Value)
		return text, err == nil && n.Kind == token.STRING
	case *ast.BinaryExpr:
		left, okLeft := constant(n.X)
		right, okRight := constant(n.Y)
		if n.Op != token.ADD || !okLeft && !okRight {
			return "", false
		}
		return cmp.Or(left, "x") + cmp.Or(right, "x"), true
	}
	return "", false
}

// commands calls f with the name of every command of a script that parses, without its directory.
func commands(script string, f func(name string)) {
	file, err := syntax.NewParser().Parse(strings.NewReader(script), "")
	if err != nil {
		return
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok && len(call.Args) > 0 {
			name := path.Base(call.Args[0].Lit())
			f(name)
			if name == "command" && len(call.Args) > 2 { // command -v NAME
				f(call.Args[2].Lit())
			}
		}
		return true
	})
}

// users returns the files that use each command.
func users(t *testing.T) map[string][]string {
	const root = "../../../.."
	found := map[string][]string{}
	for _, s := range sources {
		match := regexp.MustCompile(s.match)
		err := filepath.WalkDir(filepath.Join(root, s.dir), func(file string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && s.dir == "." && file != root:
				return fs.SkipDir
			case d.IsDir() || !match.MatchString(d.Name()):
				return nil
			}
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			for _, text := range s.texts(file, content) {
				commands(text, func(name string) {
					if !slices.Contains(found[name], file) {
						found[name] = append(found[name], file)
					}
				})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// TestEveryAppletHasAUser: every applet is run by a policy, a document or a test of the repository on a board.
func TestEveryAppletHasAUser(t *testing.T) {
	found := users(t)
	for _, name := range appletNames() {
		if len(found[name]) == 0 {
			t.Errorf("users(%q) = none; want a policy, a document or a test that runs it: delete the applet", name)
		}
	}
}
