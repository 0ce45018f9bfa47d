// Package built gives tests the program as people have it: what make build makes, without the race detector.
//
// It owns the building alone.
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

// Tests say which signals the programs that they start get. Under nohup they would inherit that SIGHUP is ignored.
func init() {
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
}

// Program is the absolute path of flashlua, which is built first.
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
