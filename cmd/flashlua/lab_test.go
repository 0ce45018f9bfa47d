package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/engine/hold"
)

// TestLabShowsHolders holds that the list has who uses a station, and which stations are free.
func TestLabShowsHolders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lab.lua")
	if err := os.WriteFile(file, []byte(`return { stations = {
		a = { board = "sim", port = "sim:" },
		b = { board = "sim", port = "sim:" },
		c = { board = "sim", port = "sim:", off = "broken" },
	} }`), 0o600); err != nil {
		t.Fatal(err)
	}
	locks := hold.Locks{Dir: t.TempDir()}
	lock, err := locks.Acquire(t.Context(), []string{hold.StationName("a")}, hold.Request{Command: "make\x1b test"})
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	var out strings.Builder
	env := Env{
		Args: []string{"flashlua", "lab", "--lab", file}, Stdout: &out, Stderr: io.Discard,
		Getenv: func(name string) string {
			if name == hold.FolderVariable {
				return locks.Dir
			}
			return ""
		},
	}
	want := regexp.MustCompile(`^station +board +tags +state +note
a +sim +held by \w+ \(process \d+\) since [-\d]+ [:\d]+, make.*test
b +sim +free
c +sim +off: broken
$`)
	if code := env.run(); code != 0 || !want.MatchString(out.String()) {
		t.Errorf("flashlua lab = %d\n%s; want 0\n%s", code, out.String(), want)
	}
	out.Reset()
	env.Args = append(env.Args, "--json")
	if code := env.run(); code != 0 || strings.Count(out.String(), `"held"`) != 1 || !strings.Contains(out.String(), `"since": "20`) {
		t.Errorf("flashlua lab --json = %d\n%s; want the holder of a alone", code, out.String())
	}
}
