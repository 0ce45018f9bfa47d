package bindings_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

// TestClosed holds that the values which flashlua hands to a script refuse unknown names and every write, with
// the line.
func TestClosed(t *testing.T) {
	const policy = `local b = require("boards.sim")
function b.flash(s, job)
	%s
	error(errors.fatal("it went on"))
end
return b`
	const handles = `local b = require("boards.sim")
function b.flash(s, job) s.power:cycle() local ub = s:uboot() local sh = ub:boot()
	%s
	error(errors.fatal("it went on"))
end
return b`
	const sequence = `local b, lib = require("boards.sim"), require("lib.uboot_busybox")
local seq = lib.sequence() seq:replace("power", function(s, job, at)
	%s
	error(errors.fatal("it went on"))
end)
b.flash = seq.flash
return b`
	const program = `return function(args)
	local v = flash.run("sim", { image = args[1], port = "sim:" })
	%s
	error(errors.fatal("it went on"))
end`
	const objects = `return function(args)
	local con, pwr, im, srv = serial.open("sim:"), power.open("the test's"), image.open(args[1]), serve.http()
	%s
	error(errors.fatal("it went on"))
end`
	for _, tt := range []struct{ frame, lua, want string }{
		{policy, `job.target = "slot_b"`, "job: target cannot be set: scripts only read it"},
		{policy, `job.size = 1`, "job: size cannot be set"},
		{policy, `job.trget = "x"`, "job: trget cannot be set: scripts only read it; did you mean target?"},
		{policy, `return job.verify_olny`, "job: it has no verify_olny; did you mean verify_only?"},
		{policy, `return job[1]`, "job: it has no 1"},
		{policy, `rawset(job, "target", "slot_b")`, "rawset: the job cannot be set"},
		{policy, `table.insert(job, "x")`, "table.insert: the job cannot be set"},
		{policy, `s.attempt = 7`, "session: attempt cannot be set"},
		{policy, `return s.atempt`, "session: it has no atempt; did you mean attempt?"},
		{policy, `s.power.on = nil`, "power: on cannot be set"},
		{policy, `local _, e = pcall(error, errors.fatal("x")) e.kind = "net"`, "err: kind cannot be set"},
		{policy, `local _, e = pcall(error, errors.fatal("x")) return e.knd`, "err: an error has no knd; did you mean kind?"},
		{policy, `errors.fatal = print`, "errors: fatal cannot be set"},
		{policy, `return errors.ftal`, "errors: it has no ftal; did you mean fatal?"},
		{policy, `time.sleep = print`, "time: sleep cannot be set"},
		{handles, `ub.run = print`, "uboot: run cannot be set"},
		{handles, `return ub.rnu`, "uboot: it has no rnu; did you mean run?"},
		{handles, `sh.extra = 1`, "shell: extra cannot be set"},
		{handles, `return sh.wirte`, "shell: it has no wirte; did you mean write?"},
		{sequence, `return at.shel`, "at: it has no shel; did you mean shell?"},
		{sequence, `return at.shell`, "at: it has no shell yet: at.uboot is there after the step uboot, at.shell after linux"},
		{sequence, `at.shel = 1`, "at: shel cannot be set: scripts only read it; did you mean shell?"},
		{sequence, `return seq.rnu`, "sequence: it has no rnu; did you mean run?"},
		{sequence, `seq.flash = nil`, "sequence: flash cannot be set"},
		{program, `v.result = "verified"`, "verdict: result cannot be set"},
		{program, `return v.reslt`, "verdict: it has no reslt; did you mean result?"},
		{program, `v.target.state = "x"`, "verdict.target: state cannot be set"},
		{program, `return v.image.sha265`, "verdict.image: it has no sha265; did you mean sha256?"},
		{program, `v.attempts[1] = nil`, "verdict.attempts: 1 cannot be set"},
		{program, `table.remove(v.attempts)`, "table.remove: the verdict.attempts cannot be set"},
		{program, `table.sort(v.attempts)`, "table.sort: the verdict.attempts cannot be set"},
		{program, `return v.attempts[1].knd`, "verdict.attempts: it has no knd; did you mean kind?"},
		{program, `local _, t = pairs(v) t.result = "x"`, "verdict: result cannot be set"},
		{program, `return args.image`, "args: it has no image: arguments have numbers, args[1] is the first"},
		{program, `args.image = "x"`, "args: it has no image"},
		{program, `flash.run = print`, "flash: run cannot be set"},
		{objects, `con.send = 1`, "console: send cannot be set"},
		{objects, `return con.sned`, "console: it has no sned; did you mean send?"},
		{objects, `pwr.off = 1`, "power: off cannot be set"},
		{objects, `im.size = 1`, "image: size cannot be set"},
		{objects, `return im.sise`, "image: it has no sise; did you mean size?"},
		{objects, `srv.port = 1`, "server: port cannot be set"},
	} {
		rep, _ := onSim(t, "", strings.Replace(tt.frame, "%s", "do "+tt.lua+" end", 1))
		if got := trimPaths(rep.Error); !strings.Contains(got, "board.lua:3: "+tt.want) || rep.Kind != string(classify.ScriptArgument) || rep.Exit != 3 {
			t.Errorf("%s\n\t= %s, %s, exit %d; want board.lua:3: %s", tt.lua, rep.Kind, got, rep.Exit, tt.want)
		}
	}
}

// TestClosedIsRead holds that a closed table is read as any other.
func TestClosedIsRead(t *testing.T) {
	for lua, want := range map[string]string{
		`local k = {} for name in pairs(V) do k[#k + 1] = name end return table.concat(k, " ")`:                       "result mode exit attempt attempts schema run_id version host started ended run board port power script policy_sha256 image target duration_ns simulated",
		`return #V.attempts, V.attempts[1].attempt, V.attempts[2], V.kind`:                                            "1 1 nil nil",
		`local n = 0 for i, a in ipairs(V.attempts) do n = n + i * a.attempt end return n`:                            "1",
		`return json.decode(json.encode(V)).target.state, json.decode(json.encode(V.attempts))[1].attempt`:            "verified 1",
		`return type(V), tostring(V), rawget(V, "result"), getmetatable(V), select("#", unpack(V.attempts))`:          "table verdict verified verdict 1",
		`args[2] = args[2] or "more" table.insert(args, "last") table.remove(args, 1) return #args, args[1], args[9]`: "2 more nil",
		`local t = setmetatable({}, { __index = V }) t.result = "own" return t.result, t.mode`:                        "own flash",
		`local k = {} for name in pairs(time) do k[#k + 1] = name end table.sort(k) return table.concat(k, " ")`:      "now seconds sleep",
	} {
		body := `local V = flash.run("sim", { image = args[1], port = "sim:" })
		error(errors.fatal(table.concat(mapped((function() ` + lua + ` end)()), " ")))`
		script := `local function mapped(...) local t = {} for i = 1, select("#", ...) do t[i] = tostring((select(i, ...))) end return t end
return function(args) ` + body + ` end`
		if rep, _ := onSim(t, "", script); rep.Error != want {
			t.Errorf("%s\n\t= %q; want %q", lua, rep.Error, want)
		}
	}
}

// TestTheJobIsRead holds that pairs and json wait for the image, and see its size and digest.
func TestTheJobIsRead(t *testing.T) {
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte("an image\x00")))[:5]
	rep, _ := onSim(t, "", `local b = require("boards.sim")
function b.flash(s, job)
	local k = {}
	for name, v in pairs(job) do k[#k + 1] = name .. "=" .. tostring(v):sub(1, 5) end
	table.sort(k)
	error(errors.fatal(table.concat(k, " ") .. " " .. json.decode(json.encode({ job })) [1].size))
end
return b`)
	if want := "args=job.a attempt=1 sha256=%s size=9 target=disk verify_only=false 9"; rep.Error != fmt.Sprintf(want, digest) {
		t.Errorf("job = %q; want %q", rep.Error, fmt.Sprintf(want, digest))
	}
}
