package bindings

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/transport"
)

func sourceNamed(name, dir string) source { return source{name: name, dir: dir} }

// eval runs source in the state and returns its results as text.
func (h *host) eval(ctx context.Context, source string) (string, error) {
	c, err := lua51.Compile(h.name, []byte(source))
	if err != nil {
		return "", err
	}
	results, err := h.Call(ctx, h.L.NewFunctionFromProto(c.Proto))
	var out []string
	for _, v := range results {
		if e := vm.GoError(v); e != nil {
			out = append(out, "<"+e.Error()+">")
			continue
		}
		out = append(out, v.String())
	}
	return strings.Join(out, " "), err
}

func TestRequire(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret.lua")
	for path, text := range map[string]string{
		filepath.Join(dir, "mine.lua"): "return { x = 1 }", filepath.Join(dir, "a.lua"): "return require('b')", filepath.Join(dir, "b.lua"): "return require('a')",
		filepath.Join(dir, "broken.lua"): "x = = 1", filepath.Join(dir, "faulty.lua"): "local x; x()", outside: "return 1",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link.lua")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.lua"), 0o700); err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{
		"return require('mine').x, require('mine') == require('mine')": "1 true",
		"return type(require('lib.uboot_busybox').flash)":              "function",
		"return require('boards.qemu-arm64').name":                     "qemu-arm64",
		"require('a')":           "modules require each other: a -> b -> a",
		"require('broken')":      "broken.lua:1: syntax error",
		"require('faulty')":      "faulty.lua:1: attempt to call",
		"require('missing')":     "neither comes with flashlua nor lies in the script's folder",
		"require('link')":        "escapes",
		"require('folder')":      "not a regular file",
		"require('../secret')":   "not a module's name",
		"require('/etc/passwd')": "not a module's name",
		"require('mine\\0')":     "not a module's name",
		"require()":              "the module's name, is missing",
	} {
		h := newHost(sourceNamed("test.lua", dir), Options{})
		got, err := h.eval(t.Context(), source)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s; want %s", source, got, want)
		}
	}
}

// board is a policy that loads.
const board = `local board = { targets = { disk = "/dev/vda" }, boot = "booti" }` + "\n"

func loadText(t *testing.T, lua string, set map[string]string) (*engine.Policy, error) {
	path := filepath.Join(t.TempDir(), "board.lua")
	if err := os.WriteFile(path, []byte(lua), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path, Options{Set: set})
}

func TestPolicyKeys(t *testing.T) {
	p, err := loadText(t, board+`board.limits = { total = "1h30m", retries = 1, jitter = 0.5 }
		board.files = { kernel = { "Image", 0x82000000 } }
		board.power_after = { failure = "keep" }
		board.uboot = { prompt = { "=> ", "J7 => " }, line_limit = 300, keys = "", password = "s3cret", every = "1s" }
		board.net = { address = "192.168.7.5/23", gateway = "192.168.6.1" }
		board.power = { off_time = "5s" }
		board.targets.card = { sysfs = "4fb0000" }
		return board`, map[string]string{"linux.timeout": "7m", "uboot.line_limit": "0x190", "targets.extra": "/dev/sdb", "net.http": "10.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "board" || p.Limits.Total != 90*time.Minute || *p.Limits.Retries != 1 || p.Limits.Jitter != 0.5 ||
		p.Files["kernel"] != (engine.File{Path: "Image", Address: 0x82000000}) || p.PowerAfter.Failure != engine.PowerKeep ||
		!slices.Equal(p.UBoot.Prompts, []string{"=> ", "J7 => "}) || p.UBoot.Password != "s3cret" || p.UBoot.KeyInterval != time.Second || p.UBoot.Line != 400 || p.Linux.Timeout != 7*time.Minute || p.Net.HTTP != "10.0.0.1" ||
		p.Net.Address.String() != "192.168.7.5/23" || p.Net.Gateway.String() != "192.168.6.1" ||
		p.Targets["card"].Sysfs != "4fb0000" || p.Targets["extra"].Path != "/dev/sdb" || p.Linux.User != "root" || p.OffTime != 5*time.Second {
		t.Errorf("the policy is %+v; want the values of the script", p)
	}
}

func TestPolicyRefusals(t *testing.T) {
	for lua, want := range map[string]string{
		board + "board.name = '' return board":                    "name must not be empty",
		board + "board.limits = { jitter = 0/0 } return board":    "jitter must be between 0 and 1",
		board + "board.limits = { total = '9999h' } return board": "must be at most 720h",
		"return 42":             "returns a number, not a table",
		"":                      "returns nothing, not a table",
		"return function() end": "returns a function, a program",
		"local x =":             "syntax error at the end of the file",
		"\x1bLua":               "is bytecode",
		"error('at load')":      "board.lua:1: at load",
		"\n\n" + board + "board.tragets = {} return board":                           "board.lua:4: tragets is not a policy key; did you mean targets?",
		board + "board.api = 2 return board":                                         "board.lua:2: api asks for version 2, this flashlua has 1",
		board + "board.uboot = { keys = '' } return board":                           "board.lua:2: uboot.keys must not be empty without a password",
		board + "board.uboot = { prompt = {} } return board":                         "board.lua:2: uboot.prompt must not be empty",
		board + "board.uboot = { prompt = { '=> ', ' ' } } return board":             "board.lua:2: uboot.prompt must be a text, or a list of texts",
		board + "board.uboot = { prompt = { a = '=> ' } } return board":              "board.lua:2: uboot.prompt must be a text, or a list of texts",
		board + "board.uboot = { prompt = 3 } return board":                          "board.lua:2: uboot.prompt must be a string, not a number",
		board + "board.net = { address = '192.168.7.5' } return board":               "board.lua:2: net.address must be an IPv4 address with its mask",
		board + "board.net = { gateway = '192.168.7.1' } return board":               "board.lua:2: net.gateway must be an IPv4 address, \"192.168.1.1\", and needs net.address",
		board + "board.uboot = { keys = 1 } return board":                            "board.lua:2: uboot.keys must be a string, not a number",
		board + "board.uboot = '=> ' return board":                                   "uboot must be a table, not a string",
		board + "board.uboot = { prompt = ' ' } return board":                        "uboot.prompt must have more than blanks",
		board + "board.limits = { total = 60 } return board":                         `limits.total must be a duration with its unit, "90s" or "5m", not a number`,
		board + "board.limits = { total = '-1s' } return board":                      `limits.total must be a duration with its unit, "90s" or "5m", not "-1s"`,
		board + "board.limits = { retries = 1.5 } return board":                      "limits.retries must be a whole number",
		board + "board.limits = { jitter = 2 } return board":                         "limits.jitter must be between 0 and 1",
		board + "board.targets.x = 'sda' return board":                               "targets.x must be a device",
		board + "board.targets.x = 7 return board":                                   "targets.x must be a device",
		board + "board.targets.x = { sysf = 'x' } return board":                      "targets.x.sysf is not a policy key; did you mean sysfs?",
		board + "board.default_target = 'dsk' return board":                          `default_target names "dsk", which is not in targets; did you mean disk?`,
		board + "board.files = { k = { 'Image' } } return board":                     `files.k must be { "file", address }`,
		board + "board.files = { ['a-b'] = { 'I', 1 } } return board":                "files.a-b is not a name",
		board + "board.power_after = { success = 'maybe' } return board":             `power_after.success must be "off", "on", "keep" or "cycle", not "maybe"`,
		board + "board.flash = 'x' return board":                                     "flash must be a function, not a string",
		board + "board.boot = nil return board":                                      "boot is missing",
		board + "board[1] = 2 return board":                                          "1 is not a policy key",
		"while true do local s = ('x'):rep(16e6) end":                                "needs more than 200 million steps to load",
		"local t = setmetatable({}, {__index = function() error('x') end}) return t": "boot is missing",
	} {
		_, err := loadText(t, lua, nil)
		d := (&classify.Classifier{}).Decide(nil, err)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n\t%v; want %q", lua, err, want)
		}
		if !strings.HasPrefix(lua, "error(") && d.Class != classify.Fatal {
			t.Errorf("%s\n\t%v is %s; want fatal", lua, err, d.Class)
		}
	}
	_, err := loadText(t, board+"return board", map[string]string{"uboot.promt": "x"})
	if err == nil || !strings.Contains(err.Error(), "--set uboot.promt=…: there is no policy key uboot.promt; did you mean uboot.prompt?") {
		t.Errorf("Load with an unknown setting = %v; want an error of kind usage", err)
	}
	if _, err := Load("qemu-arm46", Options{}); err == nil || !strings.Contains(classify.Facts(err).Hint, "did you mean qemu-arm64?") {
		t.Errorf("Load of an unknown board = %v, hint %q; want a suggestion", err, classify.Facts(err).Hint)
	}
}

// run runs a policy on the real engine, with a silent console and no power.
func run(t *testing.T, lua string) (*engine.Report, []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "board.lua")
	if err := os.WriteFile(path, []byte(lua), 0o600); err != nil {
		t.Fatal(err)
	}
	var notes []string
	p, err := Load(path, Options{Log: func(s string) { notes = append(notes, s) }})
	if err != nil {
		t.Fatal(err)
	}
	e := engine.Engine{
		Clock: &clock.Virtual{},
		OpenPort: func(context.Context, string, transport.Line) (transport.Port, error) {
			board, port := net.Pipe()
			t.Cleanup(func() { board.Close() })
			return port, nil
		},
		Events: func(e engine.Event) {
			if e.Type == engine.EventNote {
				notes = append(notes, e.Text)
			}
			if e.Type == engine.EventRetry {
				notes = append(notes, "wait "+e.Wait.String())
			}
		},
	}
	return e.Run(t.Context(), p, engine.Job{Image: path, Format: "raw", Power: "none"}), notes
}

func TestSessionFromLua(t *testing.T) {
	for name, tt := range map[string]struct {
		lua   string
		exit  int
		rule  classify.Rule
		text  string
		notes string
	}{
		"a flash that proves nothing": {"function board.flash() return true end", 3, classify.RuleFatal, "without proof", ""},
		"results of a step":           {"function board.flash(s) local a, b = s:step('x', function() return 1, nil end); s:log(tostring(a) .. tostring(b)) end", 3, classify.RuleFatal, "", "1nil"},
		"an error through a step": {`function board.flash(s)
			local ok, e = pcall(function() s:step("net", function() error(errors.new{kind = "net.dhcp", message = "m"}) end) end)
			print(e.kind, e.step, e.attempt, e.try, #e.history, s.attempt, s.last_error)
			error(e) end board.limits = { retries = 0 }`, 4, classify.RuleRetry, "m", "net.dhcp\tnet\t1\t1\t0\t1\tnil"},
		"the last error": {`function board.flash(s) if s.last_error then print(s.last_error.kind, s.last_error.attempt) error(errors.fatal("stop")) end
			error(errors.new{kind = "power.relay", message = "m"}) end`, 3, classify.RuleFatal, "stop", "wait 1s|power.relay\t1"},
		"a library is called wrongly":     {"local seq = require('lib.uboot_busybox').sequence()\nfunction board.flash(s)\nseq:after('laod', {name = 'x', run = function() end})\nend", 3, classify.RuleFatal, "board.lua:4: the sequence has no step \"laod\"; it has power, uboot", ""},
		"a library's step is wrong":       {"local seq = require('lib.uboot_busybox').sequence()\nfunction board.flash(s)\nseq:after('load', 5)\nend", 3, classify.RuleFatal, "board.lua:4: a step is {", ""},
		"a library's option is wrong":     {"local seq = require('lib.uboot_busybox').sequence()\nfunction board.flash(s)\nseq:step('load').timout = '1s'\nend", 3, classify.RuleFatal, "board.lua:4: unknown option timout", ""},
		"a library's function is missing": {"local seq = require('lib.uboot_busybox').sequence()\nfunction board.flash(s)\nseq:wrap('load')\nend", 3, classify.RuleFatal, "board.lua:4: a step's function is missing", ""},
		"a library has no board":          {"function board.flash(s)\nrequire('lib.qemu').board()\nend", 3, classify.RuleFatal, "board.lua:3: qemu.board takes the board's table, not a nil", ""},
		"unknown member":                  {"function board.flash(s) s:stpe() end", 3, classify.RuleFatal, "it has no stpe; did you mean step?", ""},
		"unknown option":                  {"function board.flash(s) s:step('x', {retry = 2}, function() end) end", 3, classify.RuleFatal, "board.lua:2: session:step: unknown option retry; did you mean retries?", ""},
		"options behind":                  {"function board.flash(s) s:step('x', function() end, {timeout = '1s'}) end", 3, classify.RuleFatal, "options come before the function", ""},
		"a group":                         {"function board.flash() error(errors.join(errors.fatal('A'), 'B')) end", 3, classify.RuleFatal, "A", ""},
		"wrong argument":                  {"function board.flash(s) s:step(function() end) end", 3, classify.RuleFatal, "argument 1, the step's name, must be a string", ""},
		"wrong target":                    {"function board.flash(s) s:step('x', {destroys = 'emmc'}, function() end) end", 3, classify.RuleFatal, "destroys must be job.target", ""},
		"the job":                         {"function board.flash(s, job) print(job.target, job.size > 0, #job.sha256, job.attempt) end", 3, classify.RuleFatal, "", "disk\ttrue\t64\t1"},
		"retries of a step":               {"local n = 0 function board.flash(s) s:step('x', {retries = 2}, function() n = n + 1 error(errors.retryable('m' .. n)) end) end board.limits = {retries = 0}", 4, classify.RuleRetry, "m3", "wait 1s|wait 2s"},
		"classify knows the try": {`board.limits = {retries = 1}
			function board.flash(s) s:step('x', {retries = 1}, function() error('m') end) end
			function board.classify(e, next)
				local before = {}
				for i, b in ipairs(e.history) do before[i] = b.attempt .. '.' .. tostring(b.try) end
				print(e.attempt, e.try, table.concat(before, ' '))
				return next(e)
			end`, 4, classify.RuleUnknown, "m", "1\t1\t|wait 1s|1\tnil\t1.1|wait 1s|2\t1\t1.1 1.nil|wait 1s|2\tnil\t1.1 1.nil 2.1"},
		"the history is read-only": {"function board.flash(s) local ok, e = pcall(s.step, s, 'x', function() error('m') end) e.history[1] = e end", 3, classify.RuleFatal, "cannot be set", ""},
		"classify says nonsense":   {"board.limits = {retries = 0} function board.flash() error('m') end function board.classify() return 'maybe' end", 4, classify.RuleUnknown, "m", "the policy's classify failed: board.lua:1: classify returned \"maybe\", not \"retry\", \"fatal\" or next(err)"},
		"backoff says 3s":          {"board.limits = {retries = 2} function board.flash() error('m') end function board.backoff(n, e, next) if n == 0 then return '3s' end return next(n, e) end", 4, classify.RuleUnknown, "m", "wait 3s|wait 2s"},
		"backoff says nonsense":    {"board.limits = {retries = 1} function board.flash() error('m') end function board.backoff() return 3 end", 4, classify.RuleUnknown, "m", "the policy's backoff failed: board.lua:1: backoff returned a number, not a duration with its unit, \"30s\", or next(n, err)|wait 1s"},
		"classify by console":      {"function board.flash() error(errors.new{kind='net', message='m'}) end function board.classify(err, next) if err:is('net') then return 'fatal' end return next(err) end", 3, classify.RulePolicy, "m", ""},
		"no power driver":          {"function board.flash(s) s.power:cycle() end", 3, classify.RuleFatal, "", "no power driver: reset the board by hand if it does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			r, notes := run(t, board+tt.lua+" return board")
			for i := range notes {
				notes[i] = regexp.MustCompile(`/\S*board.lua:2`).ReplaceAllString(notes[i], "board.lua:1")
			}
			if int(r.Exit) != tt.exit || r.Rule != string(tt.rule) || !strings.Contains(r.Error, tt.text) || strings.Join(notes, "|") != tt.notes {
				t.Errorf("exit %d by %s: %s\nnotes %q; want %d by %s: %s, %q\nsecondary errors %q", r.Exit, r.Rule, r.Error, strings.Join(notes, "|"), tt.exit, tt.rule, tt.text, tt.notes, r.Secondary)
			}
		})
	}
	r, _ := run(t, board+"board.limits = {retries = 0} function board.flash() error('m') end\nfunction board.classify() return 'maybe' end return board")
	if len(r.Secondary) != 1 || !strings.Contains(r.Secondary[0], `board.lua:3: classify returned "maybe", not "retry"`) {
		t.Errorf("the secondary errors are %q; want that of classify", r.Secondary)
	}
}

// TestREADME loads every policy that the README shows.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```lua\n")[1:]
	if len(blocks) < 2 {
		t.Fatal("the README shows no policies")
	}
	for _, b := range blocks {
		lua, _, _ := strings.Cut(b, "```")
		if _, err := loadText(t, lua, nil); err != nil {
			t.Errorf("a policy of the README: %v; want it to load\n%s", err, lua)
		}
	}
}
