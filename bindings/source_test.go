package bindings

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/classify"
)

func TestLoadFromAFileSystem(t *testing.T) {
	fsys := fstest.MapFS{
		"lab/bench.lua":      {Data: []byte(`local b = require("boards.sim") b.name = require("parts.name") b.files_dir = "images" return b`)},
		"lab/parts/name.lua": {Data: []byte(`return "bench-7"`)},
		"lab/prog.lua":       {Data: []byte(`return function() end`)},
		"lab/missing.lua":    {Data: []byte(`require("nope")`)},
		"lab/wrong.lua":      {Data: []byte("return {\n\ttragets = {},\n}")},
		"top.lua":            {Data: []byte(`local b = require("boards.sim") b.name = require("lab.parts.name") return b`)},
		"lab/folder.lua":     {Mode: fs.ModeDir},
		"long.lua":           {Data: []byte(strings.Repeat(" ", lua51.MaxSource+1))},
	}
	o := Options{FS: fsys}
	for spec, dir := range map[string]string{"lab/bench.lua": "images", "top.lua": ""} {
		p, err := Load(spec, o)
		if err != nil || p.Name != "bench-7" || p.Dir != dir {
			t.Errorf("Load(%s) = %+v, %v; want bench-7 with files in %q", spec, p, err, dir)
		}
	}
	if p, err := Load("sim", o); err != nil || p.Name != "sim" {
		t.Errorf("Load(sim) = %+v, %v; want the board that comes with flashlua", p, err)
	}
	s, err := Inspect("lab/prog.lua", o)
	if err != nil || s.Program == nil || s.Embedded || s.Program.Name != "prog" || s.Program.dirs() != nil {
		t.Errorf("Inspect(lab/prog.lua) = %+v, %v; want a program without a folder on the station", s, err)
	}
	for spec, want := range map[string]struct {
		kind classify.Kind
		text string
	}{
		"lab/nope.lua":    {classify.Usage, `there is no script or board "lab/nope.lua"`},
		"lab/missing.lua": {classify.ScriptArgument, "lab/missing.lua:1: require: no module \"nope\": it neither comes with flashlua nor lies in the script's folder"},
		"lab/wrong.lua":   {classify.ConfigPolicy, "lab/wrong.lua:2: tragets is not a policy key"},
		"lab/folder.lua":  {classify.Usage, "it is not a regular file"},
		"long.lua":        {classify.Usage, "more than 262144 bytes"},
		"../x.lua":        {classify.Usage, "../x.lua"},
		"/etc/passwd":     {classify.Usage, "/etc/passwd"},
	} {
		if _, err := Load(spec, o); err == nil || classify.Facts(err).Kind != want.kind || !strings.Contains(err.Error(), want.text) {
			t.Errorf("Load(%s) = %v, kind %s; want %s, kind %s", spec, err, classify.Facts(err).Kind, want.text, want.kind)
		}
	}
	findings, err := Check("lab/wrong.lua", o)
	if err != nil || len(findings) != 1 || findings[0].Line != 2 {
		t.Errorf("Check(lab/wrong.lua) = %v, %v; want one finding on line 2", findings, err)
	}
}

// TestAFileSystemHidesTheStation holds that a script in a file system requires nothing of the station.
func TestAFileSystemHidesTheStation(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine.lua"), []byte("return 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for name, o := range map[string]Options{"a file system": {FS: fstest.MapFS{}}, "no file system": {}} {
		if _, err := LoadText("x.lua", `return { name = require("mine") }`, o); err == nil || !strings.Contains(err.Error(), `no module "mine"`) {
			t.Errorf("a text with %s requires a module of the station: %v; want an error", name, err)
		}
	}
}

func TestLoadText(t *testing.T) {
	p, err := LoadText("bench.lua", `local b = require("boards.sim") b.name = nil return b`, Options{Set: map[string]string{"console.baud": "9600"}})
	if err != nil || p.Name != "bench" || p.Console.Line.Baud != 9600 {
		t.Errorf("LoadText = %+v, %v; want bench at 9600 baud", p, err)
	}
	p, err = LoadText("bench.lua", `local b = require("boards.sim") b.name = require("name") return b`, Options{FS: fstest.MapFS{"name.lua": {Data: []byte("return 'x'")}}})
	if err != nil || p.Name != "x" {
		t.Errorf("LoadText with a module = %+v, %v; want x", p, err)
	}
	s, err := InspectText("prog.lua", "return function() end", Options{})
	if err != nil || s.Program == nil || string(s.Text) != "return function() end" {
		t.Errorf("InspectText = %+v, %v; want a program", s, err)
	}
	for name, want := range map[string]string{"prog.lua": "returns a function, a program", "": "the script has no name"} {
		if _, err := LoadText(name, "return function() end", Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("LoadText(%q) = %v; want %q", name, err, want)
		}
	}
	if _, err := LoadText("bench.lua", "return {\n\n= }", Options{}); err == nil || !strings.HasPrefix(err.Error(), "bench.lua:3: syntax error") {
		t.Errorf("LoadText of a fault = %v; want its file and line", err)
	}
	if _, err := LoadText("bench.lua", strings.Repeat(" ", lua51.MaxSource+1), Options{}); classify.Facts(err).Kind != classify.ScriptLimit {
		t.Errorf("LoadText of a long text = %v; want a limit", err)
	}
}
