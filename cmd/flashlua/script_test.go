package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// hurry is the race detector's setting with which a process ends when it ends. It sleeps for a second otherwise, and there
// are hundreds of processes here.
const hurry = "atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "flashlua" { // which has what its test gave it
		os.Setenv("FLASHLUA_CACHE", "none") // nobody's own cache
		os.Setenv("GORACE", strings.TrimSpace(os.Getenv("GORACE")+" "+hurry))
	}
	testscript.Main(m, map[string]func(){"flashlua": main})
}

// TestScript runs the command lines of testdata/script and compares what people see, word by word.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("FLASHLUA_CACHE", filepath.Join(e.WorkDir, ".cache"))
			e.Setenv("GORACE", hurry)
			return nil
		},
		UpdateScripts: os.Getenv("UPDATE") != "", // writes what is printed now into the golden parts
	})
}
