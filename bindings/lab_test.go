package bindings_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
)

// writeLab writes a lab file and a policy beside it, and returns the path of the lab file.
func writeLab(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"lab.lua": text, "boards/mine.lua": `local b = require("boards.sim") b.args = { serial = {} } return b`,
		"shelf/a.lua": `return { board = "boards/mine.lua", port = "unix:a.sock", power = "qmp:/run/a.qmp" }`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "lab.lua")
}

// TestLabPaths holds what the paths of a station are relative to, and where stations are written.
func TestLabPaths(t *testing.T) {
	file := writeLab(t, `local a = require("shelf.a")
local function mine(port)
	return { board = "./sim", port = port, args = { serial = "file:serials/1", n = 3, on = true } }
end
return { stations = { a = a,
	b = mine("exec:cat x"), sim2 = { board = "sim", port = "sim:", files = "/srv/fw" } } }`)
	dir := filepath.Dir(file)
	l, err := LoadLab(file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := l.Inventory.Find("a")
	b, _ := l.Inventory.Find("b")
	c, _ := l.Inventory.Find("sim2")
	for what, pair := range map[string][2]string{
		"board of a module's table": {a.Board, dir + "/boards/mine.lua"}, "unix socket": {a.Port, "unix:" + dir + "/a.sock"}, "absolute socket": {a.Power, "qmp:/run/a.qmp"},
		"board beside the file": {b.Board, dir + "/sim"}, "command": {b.Port, "exec:cat x"}, "secret": {b.Args["serial"], "file:" + dir + "/serials/1"},
		"number": {b.Args["n"], "3"}, "boolean": {b.Args["on"], "true"}, "board by name": {c.Board, "sim"}, "absolute files": {c.Files, "/srv/fw"},
		"place of a": {l.Place("a"), file + ":5"}, "place of b": {l.Place("b"), file + ":6"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s = %s; want %s", what, pair[0], pair[1])
		}
	}
}

// TestLabInWorkingDirectory holds that a board beside the lab file is not taken for one that comes with flashlua.
func TestLabInWorkingDirectory(t *testing.T) {
	t.Chdir(filepath.Dir(writeLab(t, `return { stations = { a = { board = "./sim", port = "sim:" } } }`)))
	l, err := LoadLab("lab.lua", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := l.Inventory.Find("a"); s.Board != "./sim" {
		t.Errorf("board = %s; want ./sim", s.Board)
	}
	if s, _ := l.Inventory.Find("a"); l.CheckStation(s) == nil {
		t.Error("CheckStation of a board that is not there = nil; want an error")
	}
}

// TestCheckStation holds that what the operator replaces is not checked, and that errors name the line.
func TestCheckStation(t *testing.T) {
	l, err := LoadLab(writeLab(t, "return { stations = {\n\ta = {\n\t\tboard = \"boards/mine.lua\",\n\t\tport = \"nowhere\",\n\t\targs = { serail = \"x\" },\n\t},\n} }"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := l.Inventory.Find("a")
	err = l.CheckStation(s)
	for _, want := range []string{`lab.lua:4: station a: port: "nowhere" is not a console port`, "lab.lua:5: station a: args.serail: board sim has no such argument; did you mean serial?"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CheckStation = %v; want %q", err, want)
		}
	}
	if kind := classify.Facts(err).Kind; kind != classify.ConfigLab {
		t.Errorf("kind = %s; want %s", kind, classify.ConfigLab)
	}
	s.Port, s.Args = "", nil
	if err := l.CheckStation(s); err != nil {
		t.Errorf("CheckStation without the fields that are replaced = %v; want nil", err)
	}
}

// TestManyStations loads and checks as many stations as would take minutes if each were compared with each, or if each
// loaded its policy.
func TestManyStations(t *testing.T) {
	l, err := LoadLab(writeLab(t, `local all = {}
for i = 1, 10000 do
	all["bench-" .. i] = { board = "sim", port = "tcp:ser:" .. i, power = "command:pdu " .. i .. " {}", tags = { "t" .. i % 7 } }
end
return { stations = all }`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if names := l.Inventory.Names(); len(names) != 10000 || fmt.Sprint(names[:2], names[9999]) != "[bench-1 bench-2]bench-10000" {
		t.Errorf("Names() has %d names, %v …; want 10000, bench-1 first", len(names), names[:2])
	}
	if found, err := CheckLab(l.File, Options{}); err != nil || len(found) > 0 {
		t.Errorf("CheckLab = %v, %v; want nothing", found, err)
	}
}
