package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fileCalls are the functions that create, change, replace or remove files.
var fileCalls = map[string][]string{
	"os": {
		"Remove", "RemoveAll", "Rename", "Create", "OpenFile", "WriteFile", "Truncate", "Mkdir", "MkdirAll", "MkdirTemp", "CreateTemp", "Symlink", "Link", "Chmod", "Chown",
		"Chtimes", "CopyFS",
	},
	"unix":    {"Open", "Openat", "Openat2", "Unlink", "Unlinkat", "Rename", "Renameat", "Renameat2", "Link", "Linkat", "Symlink", "Truncate", "Ftruncate", "Mkdir"},
	"syscall": {"Open", "Unlink", "Rename", "Link", "Truncate", "Ftruncate", "Mkdir"},
}

// filePlaces are the source files that call one of them, and why each cannot damage files that are not flashlua's.
var filePlaces = map[string]string{
	"cmd/flashlua/outputs.go":                      "--out: only artefacts, which checkArtefact knows by their content",
	"cmd/flashlua/outlock.go":                      "makes the directory of --out",
	"cmd/flashlua/manyoutputs.go":                  "directories in that of --out, by the names of stations; reads",
	"cmd/flashlua/remotecache.go":                  "the cache's folder of a host of --on, names that it makes",
	"cmd/flashlua/demo.go":                         "a temporary folder of its own",
	"cmd/flashlua/stub.go":                         "files that begin with the stub's mark; .luarc.json, to which it adds",
	"cmd/flashlua/new.go":                          "makes a file that is not there, by O_EXCL",
	"cmd/flashlua/verdict_file.go":                 "the verdict's temporary file, and unlocked ones of killed runs",
	"cmd/flashlua/reportoutputs.go":                "a file that --summary names and that is no input, to which it appends; the temporary file of --junit",
	"cmd/flashlua/outfile.go":                      "a file that a flag names and that is no input; FILE.1 only if it is a transcript",
	"engine/access.go":                             "what an operator names, or Access allows",
	"engine/internal/flash/blockdevice.go":         "the file that an operator names, or Access allows",
	"engine/internal/flash/blocktarget.go":         "the block device that an operator names",
	"engine/internal/tempdir/tempdir.go":           "folders with names that it makes, of this user, without a lock",
	"engine/internal/image/cache.go":               "the cache's own folder",
	"engine/internal/image/handover.go":            "the cache's own folder",
	"engine/internal/image/lockfile.go":            "locked files in the cache's own folder, names that it makes",
	"engine/internal/image/unnamed_linux.go":       "a file without a name, in the cache's own folder",
	"engine/input/input.go":                        "regular files that its callers name: lock files with names that transport makes",
	"engine/internal/image/cachefolder.go":         "the cache's own folder, names that it makes",
	"engine/internal/image/open.go":                "reads",
	"engine/bootfiles.go":                          "a directory of its own in --tftp-dir, by O_EXCL",
	"engine/uimage.go":                             "a temporary file of its own, whose name is removed at once",
	"engine/hold/queue.go":                         "tickets, with names that it makes, without a lock or its own",
	"cmd/flashlua/terminalsignal.go":               "the terminal",
	"engine/power/manual.go":                       "the terminal",
	"engine/internal/simboard/mediafile.go":        "media in the folder that an operator names, or Access allows",
	"engine/internal/simboard/simboard.go":         "makes the folder of the media",
	"engine/results/folder.go":                     "makes the folder that an operator names, and appends to files with names that it makes",
	"engine/transport/serial.go":                   "the serial port",
	"engine/transport/uucp_lock.go":                "the lock file LCK..NAME of a process that has ended, and temporary files of its own",
	"engine/internal/flashtest/flashtest_linux.go": "a medium for tests",
}

// readCalls are the functions that read files, and readPlaces the source files that call them in packages that
// scripts reach.
var (
	readCalls  = map[string][]string{"os": {"Open", "OpenFile", "OpenInRoot", "OpenRoot", "ReadFile", "ReadDir", "DirFS"}, "input": {"Open", "OpenFile", "Read"}}
	readPlaces = map[string]string{
		"bindings/source.go":  "the script that the operator names, or a program's open function; os.Root on the folder of the script",
		"engine/access.go":    "what an operator names, or Access allows",
		"engine/bootfiles.go": "a copy of its own in --tftp-dir; the policy's files by what Access allows",
	}
)

// TestFilesAreTouchedInKnownPlaces holds that files are created, changed or removed, or read for a script, only in
// listed source files. A new entry states what protects files that are not flashlua's.
func TestFilesAreTouchedInKnownPlaces(t *testing.T) {
	for _, tt := range []struct {
		what   string
		dirs   []string // "" is the tree
		calls  map[string][]string
		places map[string]string
	}{
		{"changes files", []string{"cmd", "bindings", "classify", "engine", "scripts"}, fileCalls, filePlaces},
		{"reads files", []string{"bindings", "bindings/internal/modules", "bindings/internal/policy", "engine"}, readCalls, readPlaces},
	} {
		seen := map[string]bool{}
		for _, dir := range tt.dirs {
			deep := tt.what == "changes files"
			for _, path := range sources(t, dir, deep) {
				for _, call := range callsIn(t, path, tt.calls) {
					seen[path] = true
					if tt.places[path] == "" {
						t.Errorf("%s %s, by %s: list what protects other files", path, tt.what, call)
					}
				}
			}
		}
		for _, path := range slices.Sorted(maps.Keys(tt.places)) {
			if !seen[path] {
				t.Errorf("%s is listed but no longer %s", path, tt.what)
			}
		}
	}
}

// sources returns the Go files of a directory that are no tests, with its subdirectories if deep.
func sources(t *testing.T, dir string, deep bool) (all []string) {
	t.Helper()
	const root = "../../"
	err := filepath.WalkDir(root+dir, func(path string, d os.DirEntry, err error) error {
		if d.IsDir() && !deep && path != root+dir {
			return filepath.SkipDir
		}
		if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			all = append(all, strings.TrimPrefix(path, root))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// callsIn returns the calls of the given functions in a source file.
func callsIn(t *testing.T, path string, functions map[string][]string) (found []string) {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), "../../"+path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		if x, ok := n.(*ast.SelectorExpr); ok {
			if pkg, ok := x.X.(*ast.Ident); ok && slices.Contains(functions[pkg.Name], x.Sel.Name) {
				found = append(found, pkg.Name+"."+x.Sel.Name)
			}
		}
		return true
	})
	return found
}
