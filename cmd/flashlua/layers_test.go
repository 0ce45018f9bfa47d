package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/flashlua/flashlua/"

// owners are the only packages that may import a library, by its path.
var owners = map[string][]string{
	"github.com/yuin/gopher-lua": {
		"bindings", "bindings/internal/check", "bindings/internal/labfile", "bindings/internal/lua51", "bindings/internal/luaoption", "bindings/internal/luatree",
		"bindings/internal/modules", "bindings/internal/policy", "bindings/internal/vm",
	},
	"github.com/google/goexpect": {"engine/console"},
	"go.bug.st/serial":           {"engine/transport"},
	"github.com/urfave/cli":      {"cmd/flashlua"},
	"mvdan.cc/sh":                {"engine/internal/simboard/linux"},
	"github.com/pin/tftp":        {"engine/internal/serve"},
}

// imports are packages that know little of this module, and the packages of it that they may import.
var imports = map[string][]string{
	"classify": nil,
	"bindings/internal/luaoption": {
		"bindings/internal/option", "classify/suggest", "bindings/internal/vm", "classify", "engine/console",
	},
	"bindings/internal/policy": {
		"bindings/internal/luaoption", "bindings/internal/option", "classify/suggest", "bindings/internal/vm",
		"classify", "engine", "engine/console", "engine/shell", "engine/transport", "engine/uboot",
	},
	"bindings/internal/vm":    {"classify/suggest", "classify", "engine/clock"},
	"bindings/internal/lua51": {"bindings/internal/luatree", "bindings/internal/vm", "classify"},
}

// layers are listed from the top down. A package may import its own layer and lower ones.
var layers = []string{
	"cmd/", "bindings", "bindings/internal/check", "bindings/internal/modules", "bindings/internal/policy", "bindings/internal/labfile",
	"bindings/internal/luaoption", "bindings/internal/lua51", "bindings/internal/vm", "bindings/", "engine/enginetest", "engine/simulate", "engine/report", "engine/lab", "engine", "engine/", "classify",
}

func layer(pkg string) int {
	for i, l := range layers {
		if pkg == l || strings.HasSuffix(l, "/") && strings.HasPrefix(pkg, l) {
			return i
		}
	}
	return len(layers) // scripts, the lowest layer
}

type pkg struct {
	ImportPath, Dir string
	Imports         []string
	GoFiles         []string
}

func packages(t *testing.T) []pkg {
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportsGoOneWay(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, imp := range p.Imports {
			for lib, all := range owners {
				if (imp == lib || strings.HasPrefix(imp, lib+"/")) && !slices.Contains(all, name) {
					t.Errorf("%s imports %s; only %s may", name, imp, strings.Join(all, ", "))
				}
			}
			other, ours := strings.CutPrefix(imp, module)
			if allowed, few := imports[name]; few && ours && !slices.Contains(allowed, other) {
				t.Errorf("%s imports %s; of this module it may import only [%s]", name, other, strings.Join(allowed, ", "))
			}
			if ours && layer(other) < layer(name) {
				t.Errorf("%s imports %s of a higher layer", name, other)
			}
			if name == "classify" && strings.Contains(strings.Split(imp, "/")[0], ".") {
				t.Errorf("classify imports %s; it may import the standard library alone", imp)
			}
		}
	}
}

// forbidden are selectors, with the packages that may use them.
var forbidden = map[string]string{
	"os.Exit": "cmd/flashlua", "os.Stdout": "cmd/flashlua", "os.Stderr": "cmd/flashlua", "os.Stdin": "cmd/flashlua", "os.Args": "cmd/flashlua",
	"time.Now": "engine/clock", "time.Sleep": "engine/clock", "time.After": "engine/clock", "time.NewTimer": "engine/clock", "time.AfterFunc": "engine/clock",
}

func TestOnlyTheEdgesTouchTheWorld(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, file := range p.GoFiles {
			fset := token.NewFileSet()
			tree, err := parser.ParseFile(fset, filepath.Join(p.Dir, file), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				x, ok := sel.X.(*ast.Ident)
				if !ok {
					return true
				}
				if owner, ruled := forbidden[x.Name+"."+sel.Sel.Name]; ruled && owner != name {
					t.Errorf("%s uses %s.%s; only %s may", fset.Position(n.Pos()), x.Name, sel.Sel.Name, owner)
				}
				return true
			})
		}
	}
}

func TestNoTestSleeps(t *testing.T) {
	files, err := filepath.Glob("../../*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	deeper, _ := filepath.Glob("../../*/*/*_test.go")
	deepest, _ := filepath.Glob("../../*/*/*/*_test.go")
	for _, file := range slices.Concat(files, deeper, deepest) {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		virtual := slices.ContainsFunc(tree.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing/synctest"` })
		full, _ := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		ast.Inspect(full, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" && !virtual {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" {
					t.Errorf("%s sleeps", file)
				}
			}
			return true
		})
	}
}
