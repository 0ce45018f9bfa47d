package main

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/simulate"
)

// surface is a script that indexes every object and module with an unknown name. Each error lists the known names.
const surface = `
local function members(what, x)
	local ok, err = pcall(function() return x.zzzzzzzzzzzzzzzz end)
	assert(not ok, what)
	print(what .. ": " .. (tostring(err):match("known are (.*)$") or tostring(err)))
end
`

const surfaceOfPolicy = `local board = require("boards.sim")
local seq = require("lib.uboot_busybox").sequence()
board.outputs = { strap = {} }
board.classify = function(err, next) members("error", err) return next(err) end
seq:after("linux", { name = "look", run = function(s, job, at)
	members("sequence", seq) members("session", s) members("power", s.power) members("output", s.outputs.strap) members("uboot", at.uboot) members("shell", at.shell) members("at", at)
	members("served_file", s:serve("image"))
	local names = {}
	for k in pairs(job) do table.insert(names, k) end
	table.sort(names)
	print("job: " .. table.concat(names, ", "))
end })
board.files = { image = "x.raw" }
seq:remove("load")
seq:after("write", { name = "fail", run = function() error(errors.fatal("end")) end })
board.flash = seq.flash
return board`

const surfaceOfProgram = `return function(args)
	for _, name in ipairs({ "errors", "log", "time", "json", "csv", "host", "flash", "serial", "uboot", "shell", "power", "image", "serve" }) do
		if name == "errors" then
			local names = {}
			for k in pairs(errors) do table.insert(names, k) end
			table.sort(names)
			print("errors.: " .. table.concat(names, ", "))
		else
			members(name .. ".", _G[name])
		end
	end
	members("console", serial.open(args[1]))
	members("power", power.open("command:true {}", { off_time = "1s" }))
	members("image", image.open(args[2]))
	members("fastboot", host.fastboot("tcp:" .. args[3]))
	members("server", serve.http({ listen = "127.0.0.1" }))
end`

// TestStubIsTrue holds that scripts/meta/flashlua.lua and docs/policies.md have the names that scripts find.
func TestStubIsTrue(t *testing.T) {
	real := map[string][]string{}
	note := func(text string) {
		if what, names, ok := strings.Cut(text, ": "); ok && !strings.Contains(what, " ") {
			real[what] = strings.Split(names, ", ")
		}
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	image := write("x.raw", "imag\x00")
	policy, program := write("policy.lua", surface+surfaceOfPolicy), write("program.lua", surface+surfaceOfProgram)
	synctest.Test(t, func(t *testing.T) {
		p, err := bindings.Load(policy, bindings.Options{Log: note})
		if err != nil {
			t.Fatal(err)
		}
		e := engine.Engine{Events: func(e engine.Event) { note(e.Text) }}
		sim, err := simulate.Attach(&e, p, "size=16")
		if err != nil {
			t.Fatal(err)
		}
		defer sim.Close()
		e.Run(t.Context(), p, engine.Job{Image: image})
	})
	s, err := bindings.Inspect(program, bindings.Options{Allow: []string{"true", "cat"}})
	if err != nil {
		t.Fatal(err)
	}
	e := engine.Engine{Events: func(e engine.Event) { note(e.Text) }}
	if rep := s.Program.Run(t.Context(), e, engine.ProgramJob{}, "exec:cat # of this test", image, fastbootDevice(t)); rep.Err != nil {
		t.Fatal(rep.Err)
	}

	for _, lib := range []string{"grub", "barebox"} {
		real[lib], real["lib_"+lib] = libraryMembers(t, lib)
	}
	_, real["lib_host"] = libraryMembers(t, "host")

	stub := stubMembers(t)
	for what, names := range real {
		slices.Sort(names)
		if want := slices.Sorted(slices.Values(stub[what])); what == "uboot" || what == "shell" { // those of a program take other arguments and lack write
			for _, n := range names {
				if !slices.Contains(want, n) {
					t.Errorf("scripts/meta/flashlua.lua lacks function %s_object:%s", what, n)
				}
			}
		} else if !slices.Equal(names, want) {
			t.Errorf("names of %s = %v; scripts/meta/flashlua.lua declares %v: add there what is missing, as a @field of the class flashlua.%[1]s or a function", what, names, want)
		}
	}
	if len(real) != len(stub) {
		t.Errorf("the script found %d objects and modules, the stub has %d: %v, %v", len(real), len(stub), slices.Sorted(maps.Keys(real)), slices.Sorted(maps.Keys(stub)))
	}
	doc, err := os.ReadFile("../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	for what, names := range real {
		for _, n := range names {
			if full := strings.TrimSuffix(what, ".") + "." + n; strings.HasSuffix(what, ".") && !strings.Contains(string(doc), "`"+full) {
				t.Errorf("docs/policies.md lacks %s", full)
			} else if !strings.Contains(string(doc), "`"+n) && !strings.Contains(string(doc), ":"+n) && !strings.Contains(string(doc), "."+n) {
				t.Errorf("docs/policies.md lacks %s of %s", n, what)
			}
		}
	}
}

// libraryMembers returns the methods of the object that a library of scripts/lib makes, and the library's functions.
func libraryMembers(t *testing.T, lib string) (methods, functions []string) {
	text, err := os.ReadFile("../../scripts/lib/" + lib + ".lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\s*function (\w+)([.:])(\w+)`).FindAllStringSubmatch(string(text), -1) {
		if m[2] == ":" {
			methods = append(methods, m[3])
		} else {
			functions = append(functions, m[3])
		}
	}
	return methods, functions
}

// fastbootDevice returns the address of a device that begins a connection of fastboot, and does nothing more.
func fastbootDevice(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte("FB01"))
		}
	}()
	return l.Addr().String()
}

// stubMembers returns the fields of classes, methods of objects and functions of modules in the stub. Other tests
// hold the tables that a script makes, and the verdict.
func stubMembers(t *testing.T) map[string][]string {
	text, err := os.ReadFile("../../scripts/meta/flashlua.lua")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	class := ""
	for line := range strings.Lines(string(text)) {
		if m := regexp.MustCompile(`^---@class flashlua\.(\w+)`).FindStringSubmatch(line); m != nil {
			class = m[1]
		}
		if m := regexp.MustCompile(`^---@field (\w+)`).FindStringSubmatch(line); m != nil && class != "policy" && class != "lab" && class != "station" && !strings.HasPrefix(class, "verdict") && !strings.HasSuffix(class, "_options") {
			all[class] = append(all[class], m[1])
		}
		if m := regexp.MustCompile(`^function (\w+?)(?:_object)?:(\w+)`).FindStringSubmatch(line); m != nil {
			all[m[1]] = append(all[m[1]], m[2])
		}
		if m := regexp.MustCompile(`^function (\w+)\.(\w+)`).FindStringSubmatch(line); m != nil {
			all[m[1]+"."] = append(all[m[1]+"."], m[2])
		}
	}
	return all
}

// TestErrorsAreDocumented holds that docs/errors.md is made of the table of kinds. UPDATE=1 writes it.
func TestErrorsAreDocumented(t *testing.T) {
	const path = "../../docs/errors.md"
	want := "# Kinds of errors\n\nKinds form a hierarchy: `net.dhcp.timeout` is a `net.dhcp`, which is a `net`. The class is the default; a policy's `classify` can override it.\nThe column *exit* is the exit code of a run that ends by this kind before it touched anything:\n75 means that the same command may succeed later, 2 that it cannot. Later, the class and the attempts decide.\n`flashlua explain` prints a row of this table. The README explains [words](../README.md#words) such as *station* and *medium*.\n\n```console\n$ flashlua explain net.dhcp.timeout\n```\n\n| kind | class | exit | meaning | what to do |\n|---|---|---|---|---|\n"
	for _, k := range classify.Kinds() {
		k := classify.Kind(k)
		want += "| `" + string(k) + "` | " + k.Class().String() + " | " + strconv.Itoa(int(engine.RefusedReport(classify.New(k, "x")).Exit)) + " | " + k.Summary() + " | " + k.Advice() + " |\n"
		if k.Advice() == "" || k.Summary() == "" {
			t.Errorf("%s has no summary or no advice", k)
		}
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); string(got) != want {
		t.Errorf("docs/errors.md differs from the table of kinds, %v; UPDATE=1 go test -run TestErrorsAreDocumented ./cmd/flashlua writes it", err)
	}
}
