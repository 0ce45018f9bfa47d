package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// idiom matches words that personify the program or stand for the field's own verb: returns, reports, prints,
// fixes.
var idiom = regexp.MustCompile(`(?i)\b(` + strings.Join(idioms, "|") + `)\b`)

var idioms = []string{"gives", `given\s+back`, "nobody", "somebody", "anybody", "whoever", `who\s+knows`, "told", "tells", "anew", "mend", "mends", "mended"}

// idiomStarts are the literal beginnings of idioms. A line without any of them needs no match, which costs much more.
var idiomStarts = func() (all []string) {
	for _, word := range idioms {
		start, _ := regexp.MustCompile(word).LiteralPrefix()
		all = append(all, start)
	}
	return all
}()

// maxComment is the longest line of a comment, in columns, with tabs of 4.
const maxComment = 120

// TestProse refuses idiom and long comment lines: in comments and messages of Go files, and in the whole text of
// documents and Lua scripts.
func TestProse(t *testing.T) {
	const root = "../.."
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "build" || name == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		name := strings.TrimPrefix(path, root+"/")
		extension := filepath.Ext(path)
		if !slices.Contains([]string{".go", ".lua", ".md"}, extension) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		found := inText(name, string(text))
		if extension == ".go" {
			found = inGo(t, name, text)
		}
		for _, f := range found {
			t.Errorf("%s:%d: %s", name, f.line, f.what)
		}
		return nil
	})
	if err != nil || seen == 0 {
		t.Errorf("%d files, %v", seen, err)
	}
}

// finding is a refused word or comment line.
type finding struct {
	line int
	what string
}

// idiomIn returns the refused words in a text that begins at a line.
func idiomIn(text string, line int) (all []finding) {
	for i, l := range strings.Split(text, "\n") {
		lower := strings.ToLower(l)
		if !slices.ContainsFunc(idiomStarts, func(start string) bool { return strings.Contains(lower, start) }) {
			continue
		}
		for _, word := range idiom.FindAllString(l, -1) {
			all = append(all, finding{line + i, `"` + word + `" in: ` + strings.TrimSpace(l)})
		}
	}
	return all
}

// tooLong returns a finding if a comment's line is too long.
func tooLong(line string, at int) []finding {
	if len([]rune(strings.ReplaceAll(line, "\t", "    "))) > maxComment {
		return []finding{{at, "the comment line is too long"}}
	}
	return nil
}

// inText checks a document or a Lua script. Annotations, as ---@param, cannot be broken into lines.
func inText(name, text string) []finding {
	all := idiomIn(text, 1)
	for i, l := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(l), "--") && !strings.HasPrefix(l, "---@") && filepath.Ext(name) == ".lua" {
			all = append(all, tooLong(l, i+1)...)
		}
	}
	return all
}

// inGo checks a Go file: its comments, and its string literals with a space. Of a test, only the texts of failures
// and skips are messages.
func inGo(t *testing.T, name string, text []byte) (all []finding) {
	t.Helper()
	files := token.NewFileSet()
	tree, err := parser.ParseFile(files, name, text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, group := range tree.Comments {
		for _, c := range group.List {
			line := files.Position(c.Pos()).Line
			all = append(all, idiomIn(c.Text, line)...)
			if l := lines[line-1]; strings.HasPrefix(strings.TrimSpace(l), "//") {
				all = append(all, tooLong(l, line)...)
			}
		}
	}
	test := strings.HasSuffix(name, "_test.go")
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if test && isFailure(n) {
				for _, arg := range n.Args {
					all = append(all, inLiteral(files, arg)...)
				}
			}
		case *ast.BasicLit:
			if !test {
				all = append(all, inLiteral(files, n)...)
			}
		}
		return true
	})
	return all
}

// isFailure reports whether a call is of testing's Error, Fatal, Skip or their formatting variants.
func isFailure(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && slices.Contains([]string{"Error", "Errorf", "Fatal", "Fatalf", "Skip", "Skipf"}, sel.Sel.Name)
}

// inLiteral checks a string literal that has a space.
func inLiteral(files *token.FileSet, x ast.Expr) []finding {
	if lit, ok := x.(*ast.BasicLit); ok && lit.Kind == token.STRING && strings.Contains(lit.Value, " ") {
		return idiomIn(lit.Value, files.Position(lit.Pos()).Line)
	}
	return nil
}

// TestProseIsFound tests what TestProse refuses in a file.
func TestProseIsFound(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       int // findings
	}{
		{"a.go", "// f returns x, and reports whether it is.\npackage a\n\nvar x = \"a message\"\n", 0},
		{"a.go", "// f gives x.\npackage a // nobody reads it\n", 2},
		{"a.go", "package a\n\n/* one\nwho knows\n*/\nvar x = \"Mend the line\" + `two\nis told` + \"told\"\n", 3},
		{"a_test.go", "package a\n\nfunc f() { t.Errorf(\"it gives %d\", 1); t.Log(\"it gives\") }\n", 1},
		{"a.go", "package a\n\nvar x = 1 // " + strings.Repeat("x", maxComment) + "\n\n// " + strings.Repeat("x", maxComment) + "\n", 1},
		{"a.lua", "-- gives\nx = 'gives' -- forgives\n", 2},
		{"a.lua", "---@param " + strings.Repeat("x", maxComment) + "\n", 0},
		{"a.lua", "--" + strings.Repeat("x", maxComment) + "\n", 1},
		{"a.md", strings.Repeat("x", 2*maxComment) + " told\n", 1},
	} {
		var got []finding
		if filepath.Ext(tt.name) == ".go" {
			got = inGo(t, tt.name, []byte(tt.text))
		} else {
			got = inText(tt.name, tt.text)
		}
		if len(got) != tt.want {
			t.Errorf("findings in %s %q = %v; want %d", tt.name, tt.text, got, tt.want)
		}
	}
}
