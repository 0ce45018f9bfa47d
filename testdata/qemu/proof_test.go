package qemu

import (
	"bufio"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/engine"
)

// TestProofIsOfTheEnd runs scripts that change the medium after it was verified, and some that do not.
func TestProofIsOfTheEnd(t *testing.T) {
	for _, tt := range []struct {
		name, lua string
		args      []string
		exit      engine.ExitCode
		kind      string
		state     engine.State
		text      string
	}{
		{"spoiled in a later step", `function board.flash(s, job)
			local sh = shell(s)
			s:step("write", { destroys = job.target }, function() sh:write(job) end)
			s:step("tidy", function() sh:run("dd if=/dev/zero of=/dev/vda bs=512 count=1 conv=fsync") end)
		end`, []string{"--retries", "0"}, 4, "verify.mismatch", "written", "reading the medium once more"},
		{"spoiled in the attempt before", `function board.flash(s, job)
			if s.attempt == 2 then return true end
			local sh = shell(s)
			sh:write(job)
			sh:run("dd if=/dev/zero of=/dev/vda bs=512 count=1 conv=fsync")
			error("something else")
		end`, []string{"--retries", "1"}, 3, "flash.unverified", "written", "without proof"},
		{"errors swallowed, nothing written", `function board.flash(s, job)
			pcall(function() shell(s):run("false") end)
			return "verified"
		end`, nil, 3, "flash.unverified", "untouched", "without proof"},
		{"harmless commands after it", `function board.flash(s, job)
			local sh = shell(s)
			s:step("write", { destroys = job.target }, function() sh:write(job) end)
			s:step("tidy", { destroys = job.target }, function() sh:run("sync") end)
		end`, nil, 0, "", "verified", "reading the medium once more"},
		{"noise on the console all the time", `function board.flash(s, job)
			local sh = shell(s)
			sh:run("(while :; do echo \"[   12.345678] noise: line\"; usleep 20000; done) >/dev/console 2>/dev/null </dev/null &")
			sh:write(job)
		end`, nil, 0, "", "verified", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := inLinux(t, 3_000_000)
			code, out, v := r.flash(r.variant(shellOf+tt.lua), tt.args...)
			if code != tt.exit || v.Kind != tt.kind || v.Target.State != tt.state || !strings.Contains(out, tt.text) {
				t.Errorf("flashlua = exit %d, kind %s, target %s; want %d, %s, %s, %q\n%s", code, v.Kind, v.Target.State, tt.exit, tt.kind, tt.state, tt.text, out)
			}
			if code == 0 {
				r.equal()
			}
			r.power("paused")
		})
	}
}

// TestUnreadOutput closes the pipe that the lines go to.
func TestUnreadOutput(t *testing.T) {
	r := inLinux(t, 1000)
	cmd := r.command(r.fromShell())
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	bufio.NewReader(stderr).ReadString('\n')
	stderr.Close()
	cmd.Wait()
	if v := r.verdict(); cmd.ProcessState.ExitCode() != 0 || v.Result != "verified" {
		t.Errorf("flashlua = exit %d, %s: %s; want 0, verified", cmd.ProcessState.ExitCode(), v.Result, v.Error)
	}
	r.power("paused")
}
