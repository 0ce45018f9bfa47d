package qemu

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// compare runs flashlua verify on this rig.
func (r *rig) compare(policy string, args ...string) (engine.ExitCode, string, engine.Report) {
	r.t.Helper()
	cmd := r.command(policy, args...)
	cmd.Args[1] = "verify"
	out, _ := cmd.CombinedOutput()
	return engine.ExitCode(cmd.ProcessState.ExitCode()), string(out), r.verdict()
}

// digest is of the whole medium.
func (r *rig) digest() [sha256.Size]byte {
	r.t.Helper()
	f, err := os.Open(r.Disk)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		r.t.Fatal(err)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func TestVerify(t *testing.T) {
	r := newRig(t, 3_000_001)
	r.verified(r.flash(policyFile()))
	r.inLinux = true // where that left it
	before := r.digest()
	code, out, v := r.compare(r.fromShell(), "--out", filepath.Join(r.dir, "out"))
	if code != 0 || v.Result != engine.ResultVerified || v.Mode != engine.ModeVerify || v.Target.State != engine.Verified || v.Target.Device != "/dev/vda" {
		t.Errorf("flashlua verify = exit %d, verdict %+v; want 0, verified\n%s", code, v, out)
	}
	if !strings.Contains(out, fmt.Sprintf("attempt %d; flashlua wrote nothing\n", v.Attempt)) || len(failures(v.Attempts)) > 0 || strings.Contains(out, "is lost") || r.digest() != before {
		t.Errorf("the medium changed or the output lacks that nothing was written; want neither\n%s", out)
	}
	r.power("paused")
	r.checkEvents(filepath.Join(r.dir, "out", "events.jsonl"))

	// The command of a policy that wipes first is refused; a policy that reads job.verify_only works.
	wipe := `function board.flash(s, job)
		local sh = shell(s)
		s:step("write", { destroys = job.target }, function()
			%sh:run("dd if=/dev/zero of=/dev/vda bs=1M count=1 conv=fsync")
			sh:write(job)
		end)
	end`
	code, out, v = r.compare(r.variant(shellOf + strings.Replace(wipe, "%", "", 1)))
	if code != engine.ExitFatal || v.Kind != string(classify.ConfigPolicy) || v.Target.State != engine.Untouched || r.digest() != before {
		t.Errorf("flashlua verify = exit %d, kind %s, target %s; want fatal, config.policy, untouched\n%s", code, v.Kind, v.Target.State, out)
	}
	code, out, _ = r.compare(r.variant(shellOf + strings.Replace(wipe, "%", "local _ = job.verify_only or ", 1)))
	if code != 0 || r.digest() != before {
		t.Errorf("flashlua verify = exit %d; want 0, the medium unchanged\n%s", code, out)
	}

	r.spoil(3_000_000)
	before = r.digest()
	r.inLinux = false
	code, out, v = r.compare(policyFile(), "--transcript", r.dir+"/v.log", "--verbose")
	if code != engine.ExitFatal || v.Kind != string(classify.VerifyMismatch) || len(failures(v.Attempts)) != 1 || v.Step != "verify" || v.Target.State != engine.Untouched {
		t.Errorf("flashlua verify = exit %d, verdict %+v; want fatal, verify.mismatch, untouched\n%s", code, v, out)
	}
	for _, want := range []string{"target untouched; flashlua wrote nothing (exit 3)", "  < U-Boot 20", "    verify     begins", "  # power on"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q; want it in\n%s", want, out)
		}
	}
	if r.digest() != before {
		t.Error("the medium changed; want it as it was")
	}
	if log, err := os.ReadFile(r.dir + "/v.log"); err != nil || !bytes.Contains(log, []byte("< U-Boot 20")) {
		t.Errorf("transcript = %d bytes, %v; want the banner of U-Boot", len(log), err)
	}
}

// checkEvents reads events back, one a line, from the plan to the end.
func (r *rig) checkEvents(path string) {
	r.t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	var events []engine.Event
	for line := range bytes.Lines(raw) {
		var e engine.Event
		if err := json.Unmarshal(line, &e); err != nil || e.Time.IsZero() {
			r.t.Errorf("event %s = %v; want JSON with a time", line, err)
		}
		events = append(events, e)
	}
	first, last := events[0], events[len(events)-1]
	if first.Type != engine.EventPlan || last.Type != engine.EventEnd || last.Text != string(engine.ResultVerified) || !bytes.Contains(raw, []byte(`"step":"verify","duration_ns":`)) {
		r.t.Errorf("events = %+v to %+v; want from the plan to a verified end", first, last)
	}
}

// spoil changes one byte of the medium while the board is off.
func (r *rig) spoil(at int64) {
	r.t.Helper()
	f, err := os.OpenFile(r.Disk, os.O_RDWR, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		r.t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, at); err != nil {
		r.t.Fatal(err)
	}
}

// TestVerifyReadOnly compares a medium that cannot be written, which flash refuses.
func TestVerifyReadOnly(t *testing.T) {
	r := inLinux(t, 1000)
	r.verified(r.flash(r.fromShell()))
	protected := r.variant(shellOf + `function board.flash(s, job)
		local sh = shell(s)
		sh:run("blockdev --setro /dev/vda")
		sh:write(job)
	end`)
	if code, out, v := r.flash(protected); code != engine.ExitFatal || v.Kind != string(classify.TargetUnsafe) || !strings.Contains(out, "read-only") {
		t.Errorf("flashlua run = exit %d, kind %s; want fatal, target.unsafe\n%s", code, v.Kind, out)
	}
	if code, out, _ := r.compare(protected, "-q"); code != 0 || !strings.HasPrefix(out, "verified: ") || strings.Count(out, "\n") != 1 {
		t.Errorf("flashlua verify = exit %d; want 0 and one line\n%s", code, out)
	}
}
