package bindings

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// labModule is a module beside the scripts below.
const labModule = `local M = {}
function M.go(s) return serial.open("x") end
function M.prep(ub) ub:dchp() end
return M`

// findings returns the findings of Check in a script, each as "line: message (rule)".
func findings(t *testing.T, fsys fs.FS, name string) string {
	t.Helper()
	found, err := Check(name, Options{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range found {
		all = append(all, strings.TrimPrefix(f.String(), name+":"))
	}
	return strings.Join(all, "\n")
}

// TestCheckFinds checks scripts that can never work, as the author of a policy would write them.
func TestCheckFinds(t *testing.T) {
	const (
		board    = "local b = require(\"boards.sim\")\n"
		flash    = board + "function b.flash(s, job)\n"
		write    = "\ns:shell():write(job)\nend\nreturn b\n"
		sequence = board + "local seq = require(\"lib.uboot_busybox\").sequence()\n"
		edited   = "\nb.flash = seq.flash\nreturn b\n"
		program  = "return function(args)\n"
	)
	for script, want := range map[string]string{
		flash + `job.target = "x"` + write: `3:5: target of the job cannot be set: scripts only read it (read-only)`,
		flash + `s.foo = 1` + write:        `3:3: the session has no foo, and cannot be changed: scripts only read it (read-only)`,
		sequence + `seq:wrap("network", function(next, s, job, at) job.attempt = 3 next() end)` + edited: `3:52: attempt of the job cannot be set: scripts only read it (read-only)`,
		sequence + `seq:replace("uboot", function(s, job, at) at.ubot = s:uboot() end)` + edited:         `3:46: at has no ubot; did you mean uboot? (unknown-member)`,
		board + `local function set(j) j.target = "x" end
function b.flash(s, job) set(job)
	s:shell():write(job) end
return b`: `2:25: target of the job cannot be set: scripts only read it (read-only)`,
		flash + `flash.run = print` + write:    `3:7: run of the module flash cannot be set: scripts only read it (read-only)`,
		flash + `s.power.state = "on"` + write: `3:9: the power has no state, and cannot be changed: scripts only read it (read-only)`,
		flash + `job.args.x = 1` + write:       `3:10: job.args has no x: the policy declares no arguments, args = { x = { … } } (unknown-member)`,
		board + `function b.classify(err, next) err.class = "fatal" return next(err) end
return b`: `2:12: class of the error cannot be set: scripts only read it (read-only)`,
		program + `local con = serial.open(args[1])
con:expect("x", { timeout = 5 })
end
`: `3:19: option timeout must be a duration with its unit, "90s" or "5m", not a number (bad-duration)`,
		program + `local con = serial.open(args[1])
con:expect("x", 5)
end
`: `3:5: expect: argument 2, the options, must be a table, not a number (bad-argument)`,
		program + `time.sleep(5)
end
`: `2:6: time.sleep: argument 1, the duration, must be a duration with its unit, "90s" or "5m", not a number (bad-duration)`,
		program + `time.sleep("5")
end
`: `2:13: time.sleep: argument 1, the duration, must be a duration with its unit, "90s" or "5m", not "5" (bad-duration)`,
		flash + `local t = 30
s:shell():run("true", { timeout = t })` + write: `4:25: option timeout must be a duration with its unit, "90s" or "5m", not a number (bad-duration)`,
		flash + `local o = { timeout = 30 }
local sh = s:shell()
sh:run("true", o)
sh:write(job)
end
return b
`: `3:13: option timeout must be a duration with its unit, "90s" or "5m", not a number (bad-duration)`,

		sequence + `seq:step("load").timeout = 20` + edited:          `3:1: option timeout must be a duration with its unit, "90s" or "5m", not a number (load)`,
		sequence + `seq:step("load").timeout = "20"` + edited:        `3:1: option timeout must be a duration with its unit, "90s" or "5m", not "20" (load)`,
		flash + `s.console:expect("=>", { timeout = "10" })` + write: `3:37: option timeout must be a duration with its unit, "90s" or "5m", not "10" (bad-duration)`,
		program + `local sleep = time.sleep
sleep(10)
end
`: `3:1: time.sleep: argument 1, the duration, must be a duration with its unit, "90s" or "5m", not a number (bad-duration)`,
		flash + `s.console:drain{ quiet = 1, timeout = "5s" }` + write: `3:18: option quiet must be a duration with its unit, "90s" or "5m", not a number (bad-duration)`,
		program + `local function wait(n) time.sleep(n) end
wait(5)
end
`: `2:29: time.sleep: argument 1, the duration, must be a duration with its unit, "90s" or "5m", not a number (bad-duration)`,
		flash + `flash.run("sim", { image = "x", port = "sim:" })` + write: `3:1: flash.run is for programs: the functions of a policy work with their session, s:uboot(), s:shell(), s.console and s.power (forbidden-call)`,
		board + `local function open() return serial.open("tcp:x:1") end
local function outer() return open() end
function b.flash(s, job)
outer()
	s:shell():write(job)
end
return b`: `2:30: serial.open is for programs: the functions of a policy work with their session, s:uboot(), s:shell(), s.console and s.power (forbidden-call)`,
		flash + `s:step("x", function() local p = power.open("none") p:cycle() end)` + write:                     `3:34: power.open is for programs: the functions of a policy work with their session, s:uboot(), s:shell(), s.console and s.power (forbidden-call)`,
		sequence + `seq:after("linux", { name = "x", run = function(s, job, at) image.open("x") end })` + edited: `3:61: image.open is for programs: the functions of a policy work with their session, s:uboot(), s:shell(), s.console and s.power (forbidden-call)`,
		sequence + `seq:wrap("network", function(next, s) serve.http() next() end)` + edited:                     `3:39: serve.http is for programs: the functions of a policy work with their session, s:uboot(), s:shell(), s.console and s.power (forbidden-call)`,
		flash + `local open = serial.open
local con = open("tcp:x:1")` + write: `4:1: serial.open is for programs: the functions of a policy work with their session, s:uboot(), s:shell(), s.console and s.power (forbidden-call)`,
		board + `function b.classify(err, next) local con = serial.open("tcp:x:1") return next(err) end
return b`: `2:44: serial.open is for programs: the functions of a policy work with their session, s:uboot(), s:shell(), s.console and s.power (forbidden-call)`,
		board + `local M = {}
function M.go(s) uboot.stop(s.console) end
function b.flash(s, job) M.go(s)
	s:shell():write(job) end
return b`: `3:18: uboot.stop is for programs: the functions of a policy work with their session, s:uboot(), s:shell(), s.console and s.power (forbidden-call)`,
		flash + `local ok = pcall(flash.device, { image = "x", to = "/dev/x" })` + write: `3:18: flash.device is for programs: the functions of a policy work with their session, s:uboot(), s:shell(), s.console and s.power (forbidden-call)`,
		board + `function b.check(s, report) s:shell():write({}) end
return b`: `2:39: write is refused in check: the flash wrote and verified the image before, and check only tests the new system (forbidden-call)`,
		board + `local m = require("lab")
function b.flash(s, job) m.go(s)
	s:shell():write(job) end
return b`: `lab.lua:2:25: serial.open is for programs: the functions of a policy work with their session, s:uboot(), s:shell(), s.console and s.power (forbidden-call)`,
		flash + `local run = s:shell().rnu` + write: `3:23: the shell has no rnu; did you mean run? (unknown-member)`,
		flash + `local sh = s:shell()
sh.run("x")
sh:write(job)
end
return b
`: `4:4: run is a method of the shell: write sh:run(…) (bad-call)`,
		flash + `log.info(s.attempt())` + write: `3:12: attempt is not a function: write s.attempt without parentheses (bad-call)`,
		flash + `s.uboot:run("x")` + write:      `3:3: uboot is a function, which has no run: write s:uboot(…) (bad-call)`,
		board + `function b.classify(err, next) if err:kind() == "net" then return "fatal" end return next(err) end
return b`: `2:39: kind is not a function: write err.kind without parentheses (bad-call)`,
		flash + `log:info("x")` + write: `3:5: log.info is called with a dot, not with a colon: write log.info(…) (bad-call)`,
		flash + `local sh = s:shell()
local run = sh.run
run("x")
sh:write(job)
end
return b
`: `5:1: run is a method of the shell: write sh:run(…) (bad-call)`,
		flash + `s:shell().run("x")` + write:          `3:11: run is a method of the shell: write sh:run(…) (bad-call)`,
		flash + `s.step("x", function() end)` + write: `3:3: step is a method of the session: write s:step(…) (bad-call)`,
		board + `local function prep(ub) ub:dchp() end
function b.flash(s, job) prep(s:uboot())
	s:shell():write(job) end
return b`: `2:28: ub, the uboot, has no dchp; did you mean dhcp? (unknown-member)`,
		sequence + `seq:wrap("network", function(next, s, job, at) at.uboot:dchp() next() end)` + edited: `3:57: the uboot has no dchp; did you mean dhcp? (unknown-member)`,
		sequence + `seq:wrap("network", function(next, s, job, at) at.ub:dhcp() next() end)` + edited:    `3:51: at has no ub; known are shell, uboot (unknown-member)`,
		flash + `local ub = s:step("u", function() return s:uboot() end)
ub:dchp()` + write: `4:4: ub, the uboot, has no dchp; did you mean dhcp? (unknown-member)`,
		flash + `s:uboot():setenv("x")` + write:    `3:11: setenv: argument 2, the value, is missing (bad-argument)`,
		flash + `s:uboot():setenv("x", 5)` + write: `3:11: setenv: argument 2, the value, must be a string, not a number (bad-argument)`,
		flash + `s.power.cycle()` + write:          `3:9: cycle is a method of the power: write power:cycle(…) (bad-call)`,
		board + `function b.backoff(n, err, next) if err.knd == "x" then return "5s" end return next(n, err) end
return b`: `2:41: err, the error, has no knd; did you mean kind? (unknown-member)`,
		flash + `log.info("size " .. job.sise)` + write: `3:25: job, the job, has no sise; did you mean size? (unknown-member)`,
		flash + `log.info("x " .. s.uboot)` + write:     `3:20: uboot is a function: write s:uboot(…) (bad-call)`,
		board + `local m = require("lab")
function b.flash(s, job) m.prep(s:uboot())
	s:shell():write(job) end
return b`: `lab.lua:3:24: ub, the uboot, has no dchp; did you mean dhcp? (unknown-member)`,
		flash + `s:shell():put("/tmp/x")` + write: `3:11: put: argument 2, the content, is missing (bad-argument)`,
		flash + `s:uboot():env()` + write:         `3:11: env: argument 1, the variable, is missing (bad-argument)`,
		board + `local lib = require("lib.uboot_busybox")
function b.flash(s, job) local sh = lib.boot(s) sh:rn("x") sh:write(job) end
return b`: `3:52: sh, the shell, has no rn; did you mean run? (unknown-member)`,
		board + `local lib = require("lib.uboot_busybox")
function b.flash(s, job) local ub = lib.boot(s, "uboot") ub:rn("x") 	s:shell():write(job) end
return b`: `3:61: ub, the uboot, has no rn; did you mean run? (unknown-member)`,
		sequence + `seq.after("linux", { name = "x", run = function() end })` + edited: `3:5: after is a method of the sequence: write sequence:after(…) (bad-call)`,
		sequence + `seq:flash(1, 2)` + edited:                                          `3:5: flash is called with a dot, not with a colon: write seq.flash(…) (bad-call)`,
		flash + `local out = s:shell():run("x") out:rnu("y")` + write:                  `3:36: a string has no rnu (unknown-member)`,
		flash + `local ok, err = pcall(s.shel, s)` + write:                             `3:25: s, the session, has no shel; did you mean shell? (unknown-member)`,
		program + `flash.retry(function(n) time.sleep(n) end)` + "\nend":               `2:30: time.sleep: argument 1, the duration, must be a duration with its unit, "90s" or "5m", not a number (bad-duration)`,
		board + `b.flash = function(session, j)
local shell = session:shell()
shell:wirte(j)
shell:write(j)
end
return b`: `4:7: shell, the shell, has no wirte; did you mean write? (unknown-member)`,
		board + `local function go(s, job) s:shel():write(job) s:shell():write(job) end
b.flash = go
return b`: `2:29: s, the session, has no shel; did you mean shell? (unknown-member)`,
		flash + `s:step("x", function() s:shell() end, { retries = 2 })` + write:                 `3:3: step: arguments 2 and 3 are in the wrong order: step(name, options, f) (bad-argument)`,
		flash + `s:shell():run("x", { retries = 2 })` + write:                                    `3:22: run has no option retries, which is an option of s:step; known are line, stall, timeout (unknown-option)`,
		flash + `s:shell():run({ timeout = "5s" }, "x")` + write:                                 `3:11: run: arguments 1 and 2 are in the wrong order: run(command, options) (bad-argument)`,
		flash + `s:step({ name = "x" }, function() end)` + write:                                 `3:3: step: argument 3, the f, is missing (bad-argument)`,
		flash + `s:step("x", { timeout = "5s", line = function() end }, function() end)` + write: `3:31: step has no option line; known are aborts, destroys, retries, timeout (unknown-option)`,
		`return { prompt = "=> ", boot = "x", targets = { d = "/dev/vda" } }`:                    `1:10: prompt is not a policy key; did you mean uboot.prompt or linux.prompt? (load)`,
		`return { boot = "x", targets = { d = "/dev/vda" }, retries = 3 }`:                       `1:52: retries is not a policy key; did you mean limits.retries? (load)`,
		program + `flash.run({ image = "x", port = "sim:" }, "sim")
end
`: `2:34: flash.run: arguments 1 and 2 are in the wrong order: flash.run(board, job) (bad-argument)`,
		program + `local con = serial.open("x", 115200)
end
`: `2:20: serial.open: argument 2, the options, must be a table, not a number (bad-argument)`,
		program + `local con = serial.open(args[1])
uboot.stop({ prompt = "x" })
end
`: `3:7: uboot.stop: argument 1, the console, must be the console, not a table (bad-argument)`,
		program + `flash.retry({ retries = 2 }, function() end)
end
`: `2:7: flash.retry: arguments 1 and 2 are in the wrong order: flash.retry(f, options) (bad-argument)`,
		flash + `local ub = s:uboot()
s.power:cycle()
ub:run("x")` + write: `5:1: the prompt ub is gone since cycle in line 4: get a new one, with s:uboot() (stale-handle)`,
		flash + `local ub = s:uboot()
local sh = ub:boot()
ub:run("x")
sh:write(job)
end
return b
`: `5:1: the prompt ub is gone since boot in line 4: get a new one, with s:uboot() (stale-handle)`,
		flash + `local ub
s:step("u", function() ub = s:uboot() end)
s:step("b", function() ub:boot() end)
s:step("c", function() ub:run("x") end)` + write: `6:24: the prompt ub is gone since boot in line 5: get a new one, with s:uboot() (stale-handle)`,
		flash + `local sh = s:shell()
local p = s.power
p:cycle()
sh:write(job)
end
return b
`: `6:1: the shell sh is gone since cycle in line 5: get a new one, with s:shell() (stale-handle)`,
		flash + `local ub = s:uboot()
s.console:line("x")
ub:run("x")` + write: `5:1: the prompt ub is gone since line in line 4: get a new one, with s:uboot() (stale-handle)`,
		sequence + `seq:after("linux", { name = "x", run = function(s, job, at) at.uboot:boot() at.uboot:run("x") end })` + edited: `3:64: the prompt uboot is gone since boot in line 3: get a new one, with s:uboot() (stale-handle)`,
		board + `local function f(ub) ub:boot() ub:run("x") end
function b.flash(s, job) f(s:uboot())
	s:shell():write(job) end
return b`: `2:18: the prompt ub is gone since boot in line 2: get a new one, with s:uboot() (stale-handle)`,
		board + `function b.check(s, report) local sh = s:shell() s.power:cycle() sh:run("x") end
return b`: `2:35: the shell sh is gone since cycle in line 2: get a new one, with s:shell() (stale-handle)`,
		flash + `local steps = { a = function() return serial.open("x") end }
steps.a()` + write: `3:39: serial.open is for programs: the functions of a policy work with their session, s:uboot(), s:shell(), s.console and s.power (forbidden-call)`,
		board + `b.flash = function(s, job) local go = function() image.open("x") end s:step("x", go)
	s:shell():write(job) end return b`: `2:50: image.open is for programs: the functions of a policy work with their session, s:uboot(), s:shell(), s.console and s.power (forbidden-call)`,
		`local qemu = require("lib.qemu")
return qemu.board { name="q", boot="x", flash = function(s, job) s:shel() s:shell():write(job) end }`: `2:68: s, the session, has no shel; did you mean shell? (unknown-member)`,
		board + `return setmetatable({ name="x", boot="x", targets={d="/dev/vda"}, flash = function(s, job) s:shel() s:shell():write(job) end }, {})`: `2:94: s, the session, has no shel; did you mean shell? (unknown-member)`,
		program + `local ub = uboot.stop(serial.open(args[1]))
ub:boot("x")
ub:run("y")
end
`: `4:1: the prompt ub is gone since boot in line 3: get a new one, with s:uboot() (stale-handle)`,
		flash + `s:uboot():load({ kernel = 1 }, { timeout = "5s" })` + write:                              `3:34: load has no option timeout, which is an option of s:step; known are baud, by (unknown-option)`,
		flash + `s:uboot():load("kernel", { by = "usb" })` + write:                                        `3:34: option by must be "tftp", "http", "serial" or a partition as U-Boot's load takes it, "usb 0:1", not "usb" (bad-option)`,
		flash + `s:uboot():write(job, { by = "usb 0:1" })` + write:                                        `3:30: option by must be "tftp", "http" or "serial", not "usb 0:1" (bad-option)`,
		board + `function b.backoff(n, err, next) return next(n, err):upper() .. err.mesage end return b`: `2:69: err, the error, has no mesage; did you mean message? (unknown-member)`,
		board + `local function w(s) s:step("write", function() s:shell():write() end) end
function b.check(s, report) w(s) end return b`: `2:29: write is refused in check: the flash wrote and verified the image before, and check only tests the new system (forbidden-call)`,
		sequence + `seq:after("linux", { name = "x", timeout = 5, run = function() end })` + edited: `3:34: option timeout must be a duration with its unit, "90s" or "5m", not a number (bad-duration)`,
		flash + `local job = job
job.size = 5` + write: `4:5: size of the job cannot be set: scripts only read it (read-only)`,
		flash + `job["target"] = "x"` + write: `3:6: target of the job cannot be set: scripts only read it (read-only)`,
		flash + `local ub = s:uboot()
if job.verify_only then ub:boot() end
s.power:off()
ub:run("x")` + write: `6:1: the prompt ub is gone since off in line 5: get a new one, with s:uboot() (stale-handle)`,
		flash + `local ub = s:uboot()
ub:boot()
if job.verify_only then ub:run("x") end` + write: `5:25: the prompt ub is gone since boot in line 4: get a new one, with s:uboot() (stale-handle)`,
		flash + `s:uboot():write(job, { targt = "x" })` + write:   `3:24: write has no option targt; did you mean target? (unknown-option)`,
		flash + `s:uboot():verify(job, { target = "x" })` + write: `3:35: option target: the policy has no target "x"; known are disk, emmc (bad-option)`,
		flash + `s:shell():verify(job, { image = 5 })` + write:    `3:25: option image must be a string, not a number (bad-option)`,
		flash + `s:uboot():verfy(job)` + write:                    `3:11: the uboot has no verfy; did you mean verify? (unknown-member)`,
		board + `function b.check(s, report) s:uboot():verify() end
return b`: `2:39: verify is refused in check: the flash wrote and verified the image before, and check only tests the new system (forbidden-call)`,
		board + `function b.flash(s, job) s:uboot():run("virtio write 0 0 1") end
return b`: `2:1: what this command writes is never verified: call verify(job) after it, or write(job) instead of it (unverified-write)`,
		`return { method = "uboot", targets = { x = "/dev/vda" } }`:                                        `1:40: target x has no name in U-Boot, which writes it: the policy has method = "uboot": add uboot = "virtio 0"`,
		`return { boot = "x", default_target = "x", targets = { x = { uboot = "mmc 0" }, y = "/dev/y" } }`: `target x, mmc 0, is a medium of U-Boot, and a Linux in RAM writes it`,
		`return { boot = "x", targets = { x = { uboot = "mmc" } } }`:                                       `targets.x.uboot cannot be used: target x: "mmc" is not the name of a medium in U-Boot`,
		`return { method = "ubot" }`: `method must be "linux" or "uboot", not "ubot"`,
	} {
		fsys := fstest.MapFS{"x.lua": {Data: []byte(script)}, "lab.lua": {Data: []byte(labModule)}}
		if got := findings(t, fsys, "x.lua"); !strings.Contains(got, want) {
			t.Errorf("Check(%s)\n\t= %s\nwant\n\t%s", script, got, want)
		}
	}
}

// TestCheckFindsNothing checks scripts that work, although they look as if they did not.
func TestCheckFindsNothing(t *testing.T) {
	const dir = "testdata/check/right"
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 5 {
		t.Fatalf("%s has %d files, %v; want the scripts", dir, len(files), err)
	}
	for _, f := range files {
		if f.Name() == "lab.lua" { // a module
			continue
		}
		if got := findings(t, os.DirFS(dir), path.Base(f.Name())); got != "" {
			t.Errorf("Check(%s) = %s; want nothing", f.Name(), got)
		}
	}
}

// TestDocsHaveEveryRule holds that docs/cli.md has a row for each rule. UPDATE=1 writes them.
func TestDocsHaveEveryRule(t *testing.T) {
	const file, head = "../docs/cli.md", "| rule | what it demands |\n|---|---|\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(string(text), head)
	if !ok {
		t.Fatalf("%s has no table of rules", file)
	}
	table := regexp.MustCompile(`^(?:\|.*\n)*`).FindString(after)
	want := ""
	for _, name := range slices.Sorted(maps.Keys(Rules)) {
		want += "| `" + name + "` | " + Rules[name] + " |\n"
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(before+head+want+strings.TrimPrefix(after, table)), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if table != want {
		t.Errorf("the rules in %s are\n%s\nwant\n%s\nUPDATE=1 go test -run TestDocsHaveEveryRule ./bindings writes them", file, table, want)
	}
}

// FuzzCheck checks random scripts: each check ends, and none of its findings is of a line that the script does not
// have.
func FuzzCheck(f *testing.F) {
	for _, dir := range []string{"testdata/check/right", "../scripts/lib", "../scripts/examples"} {
		files, err := os.ReadDir(dir)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(path.Join(dir, file.Name()))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	for _, text := range []string{
		"local f f = function(g) return g(f) end return f(f)", "local t = {} t.t = t t.t.t.x = t return t", "return require(\"x\")",
		"function f.g:h(...) return self, ... end", "local a, b = b, a local a = a.a.a() a.b = a", "return function(a) a = a .. a return a(a):a(a.a) end",
		"goto x ::x:: do local s = s end", "require()", "pcall() pcall(pcall) xpcall(pcall, pcall)", "return setmetatable({ flash = function(s, ...) s:step() s.step(s) s:step(s, s, s, s) end }, {})",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4000 {
			return
		}
		found, err := Check("x.lua", Options{FS: fstest.MapFS{"x.lua": {Data: []byte(text)}}})
		if err != nil {
			return // a file that is no text
		}
		for _, x := range found {
			if x.File == "x.lua" && x.Line > strings.Count(text, "\n")+1 || Rules[x.Rule] == "" {
				t.Errorf("Check(%q) has %s; want a line of the script and a rule of Rules", text, x)
			}
		}
	})
}
