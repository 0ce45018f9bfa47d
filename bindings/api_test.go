package bindings_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// public are the packages for embedding programs.
var public = []string{"bindings", "classify", "engine", "engine/hold", "engine/lab", "engine/lab/labgrid", "engine/simulate", "engine/transport", "engine/power"}

// TestAPI holds the public API to testdata/api.txt, so that every change of it is seen, and every name in it to
// have a comment. UPDATE=1 writes the file.
func TestAPI(t *testing.T) {
	const golden = "../testdata/api.txt"
	var got bytes.Buffer
	for _, dir := range public {
		fmt.Fprintf(&got, "package %s\n", dir)
		valueText(t, &got, dir)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(golden); err != nil || !bytes.Equal(want, got.Bytes()) {
		t.Errorf("the public API is not that of testdata/api.txt, %v; if it should change: UPDATE=1 go test -run TestAPI ./bindings", err)
	}
}

// concurrency matches what the comment of every type must have in it.
var concurrency = regexp.MustCompile(`(?i)safe\s+for\s+concurrent\s+use|one\s+goroutine|concurrently`)

func valueText(t *testing.T, out *bytes.Buffer, dir string) {
	fset := token.NewFileSet()
	paths, err := filepath.Glob("../" + dir + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(fset, files, dir)
	if err != nil {
		t.Fatal(err)
	}
	line := func(comment, name string, decl ast.Node) {
		if comment == "" {
			t.Errorf("%s.%s has no comment", dir, name)
		}
		var b bytes.Buffer
		printer.Fprint(&b, token.NewFileSet(), decl)
		fmt.Fprintln(out, "\t"+strings.Join(strings.Fields(b.String()), " "))
	}
	function := func(f *doc.Func) {
		f.Decl.Doc, f.Decl.Body = nil, nil
		line(f.Doc, f.Name, f.Decl)
	}
	for _, v := range append(p.Consts, p.Vars...) {
		fmt.Fprintln(out, "\t"+strings.Join(v.Names, " "))
	}
	for _, f := range p.Funcs {
		function(f)
	}
	for _, typ := range p.Types {
		fields(out, typ)
		if !concurrency.MatchString(typ.Doc) {
			t.Errorf("the comment of %s.%s does not say what is safe concurrently", dir, typ.Name)
		}
		for _, v := range append(typ.Consts, typ.Vars...) {
			fmt.Fprintln(out, "\t"+strings.Join(v.Names, " "))
		}
		for _, f := range append(typ.Funcs, typ.Methods...) {
			if f.Recv != "" && f.Doc == "" && (f.Name == "Error" || f.Name == "String" || f.Name == "Unwrap") {
				f.Doc = "-"
			}
			function(f)
		}
	}
}

// fields writes a type with its exported fields or methods.
func fields(out *bytes.Buffer, typ *doc.Type) {
	spec := typ.Decl.Specs[0].(*ast.TypeSpec)
	var names []string
	switch x := spec.Type.(type) {
	case *ast.StructType:
		for _, f := range x.Fields.List {
			for _, n := range f.Names {
				if n.IsExported() {
					names = append(names, n.Name)
				}
			}
		}
	case *ast.InterfaceType:
		for _, m := range x.Methods.List {
			for _, n := range m.Names {
				names = append(names, n.Name)
			}
		}
	}
	fmt.Fprintf(out, "\ttype %s { %s }\n", typ.Name, strings.Join(names, ", "))
}
