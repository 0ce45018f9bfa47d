package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// exampleName matches an example in a table of docs/embedding.md: its package, the name that it is for, its suffix.
var exampleName = regexp.MustCompile("`([a-z/]+)`: (\\w+(?:\\.\\w+)?)(?: \\((\\w+)\\))?")

// TestEmbeddingTasksHaveExamples holds that every task of docs/embedding.md names an example that exists and is run.
func TestEmbeddingTasksHaveExamples(t *testing.T) {
	text, err := os.ReadFile("../../docs/embedding.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| task | how | example |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")
	if len(rows) < 10 {
		t.Errorf("docs/embedding.md has %d tasks; want at least 10", len(rows))
	}
	for _, row := range rows {
		cells := strings.Split(row, " | ")
		names := exampleName.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if names == nil {
			t.Errorf("docs/embedding.md: the task %q has no example", cells[0])
		}
		for _, m := range names {
			if name := functionOf(m[2], m[3]); !runExamples(t, m[1])[name] {
				t.Errorf("docs/embedding.md: %s has no function %s with an output", m[1], name)
			}
		}
	}
}

// functionOf returns the function of an example, as package testing names it.
func functionOf(of, suffix string) string {
	name := "Example"
	if of != "Example" {
		name += strings.ReplaceAll(of, ".", "_")
	}
	if suffix != "" {
		name += "_" + strings.ToLower(suffix)
	}
	return name
}

// runExamples returns the examples of a package that have an output, which go test compares.
func runExamples(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../../" + pkg + "/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, path := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, "Example") {
				continue
			}
			for _, c := range tree.Comments {
				if c.Pos() > f.Pos() && c.End() < f.End() && strings.HasPrefix(c.Text(), "Output:") {
					all[f.Name.Name] = true
				}
			}
		}
	}
	return all
}

// TestEmbeddingProgramCompiles holds that the program at the beginning of docs/embedding.md compiles.
func TestEmbeddingProgramCompiles(t *testing.T) {
	text, err := os.ReadFile("../../docs/embedding.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
		if block[1] != "go" || !strings.HasPrefix(block[2], "package main") {
			continue
		}
		path := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(path, []byte(block[2]), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "go", "vet", "-trimpath", path)
		cmd.Dir = "../.."
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as make compiles, so that Go's cache has it
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("go vet = %v; want nil\n%s", err, out)
		}
		return
	}
	t.Error("docs/embedding.md has no program")
}
