// Package built builds the program for tests as make build does, without the race detector.
//
// It owns the build, and what tests of several packages do with its result.
package built

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// Tests decide which signals their programs ignore. Under nohup the programs would inherit that SIGHUP is ignored.
func init() {
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
}

// Program builds flashlua once and returns its absolute path.
func Program(t testing.TB) string {
	t.Helper()
	out, err := build()
	if err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	return filepath.Join(root(), "bin/flashlua")
}

var build = sync.OnceValues(func() (out []byte, err error) {
	return exec.Command("make", "-s", "-C", root(), "build").CombinedOutput()
})

// root is the folder of the project.
func root() string {
	_, source, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(source), "../..")
}
