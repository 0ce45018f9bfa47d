package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/engine/lab"
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
	var out strings.Builder
	env := Env{
		Args: []string{"flashlua", "lab", "--lab", file}, Stdout: &out, Stderr: io.Discard, Getenv: os.Getenv,
		Holder: func(s lab.Station) (holding, bool) {
			return holding{"eve", time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC), "make\x1b test"}, s.Name == "a"
		},
	}
	want := "station  board  tags  state                                                  note\n" +
		"a        sim          held by eve since 2026-11-29 10:00 with make\\x1b test\n" +
		"b        sim          free\n" +
		"c        sim          off: broken\n"
	if code := env.run(); code != 0 || out.String() != want {
		t.Errorf("flashlua lab = %d\n%s; want 0\n%s", code, out.String(), want)
	}
	out.Reset()
	env.Args = append(env.Args, "--json")
	if code := env.run(); code != 0 || strings.Count(out.String(), `"held"`) != 1 || !strings.Contains(out.String(), `"since": "2026-11-29T10:00:00Z"`) {
		t.Errorf("flashlua lab --json = %d\n%s; want the holder of a alone", code, out.String())
	}
}
