package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/testdata/built"
)

// hostile are scripts that would exhaust the host, the limit that ends each, and the exit code.
var hostile = []struct {
	lua  string
	says string
	exit int
}{
	{`while true do pcall(function() while true do end end) end`, "worked for more than 200 million steps without calling flashlua", 3},
	{`pcall(function() return ("x"):rep(1e10) end)`, "string.rep would make more than 16 MiB", 3},
	{`pcall(string.find, ("a"):rep(40), ("a*"):rep(25) .. "b")`, "the pattern needs too many steps", 3},
	{`pcall(function() local t = {} for i = 1, 1e9 do t[i] = { i, {} } end end)`, "holds more than 64 MiB", 3},
	{`pcall(function() local s = "x" while true do s = s .. s end end)`, ".. would make more than 16 MiB", 3},
	{`local t, s = {}, ("x"):rep(1e6) while true do t[#t + 1] = s .. #t end`, "holds more than 64 MiB", 3},
	{`local t = {} for i = 1, 1e9 do t["k" .. i] = i end`, "holds more than 64 MiB", 3},
	{`local t = {} for i = 1, 1e9 do t["k" .. i] = i t["k" .. i] = nil end`, "holds more than 64 MiB", 3}, // the key strings stay
	{`local t = {} for i = 1, 1e9 do t[i] = {} t[i][1048575] = 1 end`, "holds more than 64 MiB", 3},
	{`local t = {} for i = 1, 1e9 do t[i] = errors.new{ message = ("x"):rep(1000) } end`, "holds more than 64 MiB", 3},
	{`local t, s = {}, ("x"):rep(1e6) for i = 1, 1e9 do t[i] = (s .. i):gmatch("y") end`, "holds more than 64 MiB", 3},
	{`local t = {} while true do t[#t + 1] = json.decode("[1]") end`, "holds more than 64 MiB", 3}, // with calls of flashlua in between
	{`local s = ("x"):rep(8e6) .. " y" local function f() s:gsub("%S+", function(w) if w == "y" then f() end end) end f()`, "holds more than 64 MiB", 3},
	{`local t = {} for i = 1, 600 do t[i] = ("x"):rep(1e6):sub(1, 10) end error(errors.fatal("no harm done"))`, "no harm done", 3},
	{`local function f() coroutine.wrap(f)() end f()`, "inside each other", 3},
	{`local t = {} while true do t[#t + 1] = coroutine.create(function() coroutine.yield() end) coroutine.resume(t[#t]) end`, "holds more than 64 MiB", 3},
	{`local t = {} t[67108863] = 1 error(errors.fatal("no harm done"))`, "no harm done", 3},
	{`local function f() pcall(f) end f()`, "protected calls", 3},
	{`local function f() return f() + 1 end pcall(f)`, "stack overflow", 3},
	{`local t = {} for i = 1, 3000 do t[i] = ("x"):rep(10000) end table.concat(t)`, "table.concat would make more than 16 MiB", 3},
	{`string.gsub(("x"):rep(1e6), ".", function() return ("y"):rep(1000) end)`, "string.gsub would make more than 16 MiB", 3},
	{`return ` + strings.Repeat("(", 10_000) + "1" + strings.Repeat(")", 10_000), "without proof", 3},
	{"return " + strings.Repeat("{", 100_000) + strings.Repeat("}", 100_000), "more than 1000 expressions or blocks inside each other", 2},
	{`local s = "` + strings.Repeat("a", 10_000_000) + `"`, "a script may have 262144", 2},
}

// TestHostileScripts holds that a script that exceeds a limit ends with that limit's error and exit code, on a
// machine of any speed, whatever it catches, that memory stays bounded, and that the board is switched off.
func TestHostileScripts(t *testing.T) {
	dir := t.TempDir()
	program, image := built.Program(t), filepath.Join(dir, "x.raw")
	if err := os.WriteFile(image, []byte("imag\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, tt := range hostile {
		t.Run(fmt.Sprintf("%.40s", tt.lua), func(t *testing.T) {
			t.Parallel()
			script := filepath.Join(dir, fmt.Sprintf("%d.lua", i))
			lua := "local board = require('boards.sim')\nfunction board.flash(s, job)\ns.power:cycle()\n" + tt.lua + "\nend\nreturn board\n"
			if err := os.WriteFile(script, []byte(lua), 0o600); err != nil {
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), program, "run", script, "--image", image, "--port", "sim:")
			cmd.Stderr = &stderr
			cmd.Run()
			usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
			if code := cmd.ProcessState.ExitCode(); code != tt.exit || !strings.Contains(stderr.String(), tt.says) {
				t.Errorf("exit %d; want %d, %q\n%s", code, tt.exit, tt.says, &stderr)
			}
			if tt.exit == 3 && !strings.Contains(stderr.String(), "power off") {
				t.Errorf("the board is on\n%s", &stderr)
			}
			if usage.Maxrss > 512<<10 {
				t.Errorf("%d MiB resident; want at most 512", usage.Maxrss>>10)
			}
			t.Logf("%d MiB resident, %s of CPU", usage.Maxrss>>10, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
		})
	}
}
