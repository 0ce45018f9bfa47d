package qemu

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// onceAt calls f once, when a quarter of the image is written.
func onceAt(f func()) func(engine.Event) {
	done := false
	return func(e engine.Event) {
		if e.Type == engine.EventProgress && e.Done > e.Total/4 && !done {
			done = true
			f()
		}
	}
}

func TestBoardResetsDuringTheWrite(t *testing.T) {
	r := newRig(t, 32<<20)
	rep := r.run(engine.Engine{Events: onceAt(func() {
		if _, err := r.QMP(context.Background(), "system_reset"); err != nil {
			t.Error(err)
		}
	})}, policyFile(), 1)
	if rep.Exit != 0 || len(rep.Attempts) != 2 || rep.Attempts[0].Kind != string(classify.BoardReset) {
		t.Errorf("exit %d, the first attempt ended %q\n%v", rep.Exit, rep.Attempts[0].Error, rep.Err)
	}
	r.equal()
}

func TestBoardVanishesDuringTheWrite(t *testing.T) {
	r := newRig(t, 32<<20)
	rep := r.run(engine.Engine{Events: onceAt(func() { go r.Stop() })}, policyFile(), 1)
	if rep.Exit != engine.ExitExhausted || rep.Attempts[0].Kind != string(classify.TransportLost) || rep.Target.State != engine.Partial {
		t.Errorf("exit %d, target %s, the first attempt ended %q\n%v", rep.Exit, rep.Target.State, rep.Attempts[0].Error, rep.Err)
	}
	if !strings.Contains(strings.Join(rep.Secondary, "\n"), "could not be switched off") {
		t.Errorf("beside it %q", rep.Secondary)
	}
}

func TestPowerUnreachableInTheEnd(t *testing.T) {
	r := newRig(t, 1000)
	hidden := false
	rep := r.run(engine.Engine{Events: func(e engine.Event) {
		if e.Type == engine.EventStep && e.Step == "verify" && !hidden {
			hidden = true
			if err := os.Remove(strings.TrimPrefix(r.Power, "qmp:")); err != nil {
				t.Error(err)
			}
		}
	}}, policyFile(), 0)
	if rep.Exit != engine.ExitFatal || rep.Result != "verified" || rep.Target.State != engine.Verified || rep.Kind != string(classify.PowerConnect) {
		t.Errorf("exit %d, %s, target %s, kind %s", rep.Exit, rep.Result, rep.Target.State, rep.Kind)
	}
	r.equal()
}

func TestBoardStopsDuringTheWrite(t *testing.T) {
	r := newRig(t, 32<<20)
	policy := r.variant(boot + `function board.flash(s, job)
		local sh = shell(s)
		s:step("write", { timeout = "6s" }, function() sh:write(job) end)
	end`)
	rep := r.run(engine.Engine{Events: onceAt(func() {
		if _, err := r.QMP(context.Background(), "stop"); err != nil {
			t.Error(err)
		}
	})}, policy, 0)
	if rep.Exit != engine.ExitExhausted || rep.Kind != string(classify.DeadlineStep) || rep.Step != "write" || rep.Target.State != engine.Partial {
		t.Errorf("exit %d, kind %s, step %s, target %s\n%v", rep.Exit, rep.Kind, rep.Step, rep.Target.State, rep.Err)
	}
}

func TestKilledAndRunAgain(t *testing.T) {
	r := newRig(t, 16<<20)
	cmd := r.command(policyFile())
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for seen := ""; !strings.Contains(seen, "write       10 %"); {
		n, err := out.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		seen += string(buf[:n])
	}
	cmd.Process.Signal(syscall.SIGKILL)
	cmd.Wait()
	if code, out, v := r.flash(policyFile()); code != 0 || v.Attempt != 1 {
		t.Errorf("exit %d, attempt %d\n%s", code, v.Attempt, out)
	}
	r.equal()
}
