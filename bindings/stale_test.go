package bindings_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/simulate"
)

// onSim runs a policy or a program on a simulated board in virtual time. It returns the report and the record of
// the console.
func onSim(t *testing.T, settings, script string) (rep *engine.Report, record string) {
	t.Helper()
	dir := t.TempDir()
	path, image := filepath.Join(dir, "board.lua"), filepath.Join(dir, "x.raw")
	for name, text := range map[string]string{path: script, image: "an image\x00"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		s, err := bindings.Inspect(path, bindings.Options{})
		if err != nil {
			t.Fatal(err)
		}
		board := s.Policy
		if board == nil {
			if board, err = bindings.Load("sim", bindings.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		e := engine.Engine{Console: console.NewTranscript(&out)}
		sim, err := simulate.Attach(&e, board, strings.Trim("size=16,"+settings, ","))
		if err != nil {
			t.Fatal(err)
		}
		defer sim.Close()
		if s.Program != nil {
			rep = s.Program.Run(t.Context(), e, engine.ProgramJob{}, image)
		} else {
			once := 0
			rep = e.Run(t.Context(), s.Policy, engine.Job{Image: image, Retries: &once})
		}
		time.Sleep(time.Minute) // for the retries of the TFTP server's library
	})
	return rep, out.String()
}

var folders = regexp.MustCompile(`/\S*/board\.lua`)

// trimPaths removes the folders of scripts from a text.
func trimPaths(text string) string { return folders.ReplaceAllString(text, "board.lua") }

// never is a command that no test below may type.
const never = "echo never-typed"

// TestABootThatComesBack holds that U-Boot's prompt can be used after a boot command that returned to it.
func TestABootThatComesBack(t *testing.T) {
	rep, _ := onSim(t, "", `local b = require("boards.sim")
function b.flash(s, job)
	s.power:cycle()
	local ub = s:uboot()
	ub:dhcp()
	local ok, err = pcall(ub.boot, ub, "booti 84000000")
	if ok or not err:is("uboot.boot") then error("the first boot: " .. tostring(err)) end
	ub:run("setenv tried 1")
	ub:boot():write(job)
end
return b`)
	if rep.Exit != 0 {
		t.Errorf("exit %d, %s; want the flash to succeed with the second boot", rep.Exit, rep.Error)
	}
}

// TestStaleHandles holds that a prompt or a shell which a power switch, a boot, a reset or a later prompt ended
// types nothing.
func TestStaleHandles(t *testing.T) {
	const policy = `local b = require("boards.sim")
function b.flash(s, job)
	s.power:cycle()
	local ub = s:uboot()
	%s
end
return b`
	const program = `return function()
	local con = serial.open("tcp:board:1")
	local pwr = power.open("a driver of the test")
	pwr:cycle()
	local ub = uboot.stop(con)
	%s
end`
	for name, tt := range map[string]struct{ frame, lua, want string }{
		"U-Boot, booted":          {policy, "ub:boot()\n\tub:run(\"" + never + "\")", "board.lua:6: uboot:run: the U-Boot prompt is gone since board.lua:5: `run bootcmd` was to boot the board"},
		"U-Boot, off":             {policy, "s.power:off()\n\tub:exec(\"" + never + "\")", "board.lua:6: uboot:exec: the U-Boot prompt is gone since board.lua:5: the board was switched off"},
		"U-Boot, on":              {policy, "s.power:on()\n\n\tub:env(\"x\")", "board.lua:7: uboot:env: the U-Boot prompt is gone since board.lua:5: the board was switched on"},
		"U-Boot, another prompt":  {policy, "s:uboot()\n\tub:run(\"" + never + "\")", "board.lua:6: uboot:run: the U-Boot prompt is gone since board.lua:5: a new U-Boot prompt was asked for"},
		"U-Boot, reset by itself": {policy, "pcall(function() ub:run(\"reset\") end)\n\tub:run(\"" + never + "\")", "board.lua:6: uboot:run: the U-Boot prompt is gone since board.lua:5: the board reset itself"},
		"shell, off":              {policy, "local sh = ub:boot()\n\ts.power:cycle()\n\tsh:run(\"" + never + "\")", "board.lua:7: shell:run: the shell is gone since board.lua:6: the board was switched off"},
		"shell, another":          {policy, "local sh = ub:boot()\n\ts:shell()\n\tsh:put(\"/tmp/x\", \"never-typed\")", "board.lua:7: shell:put: the shell is gone since board.lua:6: a new shell was asked for"},
		"shell, U-Boot":           {policy, "local sh = ub:boot()\n\tpcall(s.uboot, s)\n\tsh:network()", "board.lua:7: shell:network: the shell is gone since board.lua:6: a new U-Boot prompt was asked for"},
		"shell, reboot":           {policy, "local sh = ub:boot()\n\tpcall(sh.run, sh, \"reboot\")\n\tsh:write(job)", "board.lua:7: shell:write: the shell is gone since board.lua:6: the board reset itself"},
		"program, booted":         {program, "ub:boot(\"run bootcmd\")\n\tub:run(\"" + never + "\")", "board.lua:7: uboot:run: the U-Boot prompt is gone since board.lua:6: `run bootcmd` was to boot the board"},
		"program, off":            {program, "pwr:off()\n\tub:setenv(\"x\", \"never-typed\")", "board.lua:7: uboot:setenv: the U-Boot prompt is gone since board.lua:6: the board was switched off"},
		"program, another shell":  {program, "ub:boot(\"run bootcmd\")\n\tlocal sh = shell.login(con)\n\tshell.login(con)\n\tsh:run(\"" + never + "\")", "board.lua:9: shell:run: the shell is gone since board.lua:8: a new shell was asked for"},
		"program, closed":         {program, "con:close()\n\tub:run(\"" + never + "\")", "board.lua:7: uboot:run: the U-Boot prompt is gone since board.lua:6: its console was closed"},
	} {
		t.Run(name, func(t *testing.T) {
			rep, record := onSim(t, "", strings.Replace(tt.frame, "%s", tt.lua, 1))
			got := trimPaths(rep.Error)
			if !strings.HasSuffix(got, tt.want) || rep.Kind != string(classify.ScriptStale) || rep.Exit != engine.ExitFatal || rep.Hint == "" {
				t.Errorf("%s\n\t= %s, %s, exit %d; want %s", tt.lua, rep.Kind, got, rep.Exit, tt.want)
			}
			if strings.Contains(record, "never-typed") {
				t.Errorf("%s\n\ttyped the command; want it refused", tt.lua)
			}
		})
	}
}
