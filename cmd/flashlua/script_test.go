package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flashlua/flashlua/testdata/built"
)

// hurry is the GORACE setting without the race detector's sleep of a second at the end of each process. The tests
// run hundreds of processes.
const hurry = "atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "flashlua" { // the program itself gets its environment from the test
		os.Setenv("FLASHLUA_CACHE", "none") // not the cache of the user
		os.Setenv("GORACE", strings.TrimSpace(os.Getenv("GORACE")+" "+hurry))
	}
	testscript.Main(m, map[string]func(){"flashlua": main})
}

// notText replaces the last byte of each image below dir, *.raw and disk.img, by a zero: a script can hold texts
// only, and a text is no image.
func notText(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".raw" && path != filepath.Join(dir, "disk.img") {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil && len(content) > 0 {
			content[len(content)-1] = 0
			err = os.WriteFile(path, content, 0o600)
		}
		return err
	})
}

// raced are the scripts whose commands flash, wait and print at the same time: the race detector watches them. The
// others run the program of make build, which starts in a tenth of the CPU time.
var raced = []string{"flashall", "labmany", "outputs", "remote", "serve", "sim", "waiting"}

// TestScript runs the command lines of testdata/script, and compares their output. The verdicts and the events that
// they write are held to the published schemas.
func TestScript(t *testing.T) {
	plain := filepath.Dir(built.Program(t))
	examples, err := filepath.Abs("../../scripts/examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			if !slices.Contains(raced, strings.TrimPrefix(filepath.Base(e.WorkDir), "script-")) {
				e.Setenv("PATH", plain+string(filepath.ListSeparator)+e.Getenv("PATH"))
			}
			e.Setenv("FLASHLUA_CACHE", filepath.Join(e.WorkDir, ".cache"))
			locks := filepath.Join(e.WorkDir, ".locks")
			if err := os.Mkdir(locks, 0o700); err != nil {
				return err
			}
			e.Setenv("FLASHLUA_LOCKS", locks)
			e.Setenv("GORACE", hurry)
			e.Setenv("EXAMPLES", examples)
			given := verdictsIn(t, e.WorkDir)
			e.Defer(func() { checkOutputs(t, e.WorkDir, given) })
			e.Setenv("ARG_LINES", "count=2\n\ntext=a, b c\n")
			e.Setenv("PASSWORD_LINES", "wifi_psk=hunter2\nhunter3\n")
			return notText(e.WorkDir)
		},
		UpdateScripts: os.Getenv("UPDATE") != "", // replaces the golden parts by the output
	})
}
