package engine

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// TestRepeats holds which earlier verdict makes a flash unnecessary. Each row changes one thing of a flash or of the
// verdict of the same flash.
func TestRepeats(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other.raw")
	if err := os.WriteFile(other, []byte("other\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(context.Context, *Session, *Report) error { return nil }
	choose := func(context.Context, *Session, *uboot.UBoot, *shell.Shell) (string, error) { return "disk", nil }
	for _, tt := range []struct {
		name   string
		change func(*Flash, *Report)
		why    string
	}{
		{"the same", func(*Flash, *Report) {}, ""},
		{"the target by its name", func(f *Flash, _ *Report) { f.Job.Target = "disk" }, ""},
		{"it failed", func(_ *Flash, r *Report) { r.Result, r.Exit = ResultFailed, ExitExhausted }, "it did not end verified"},
		{"its power could not be set", func(_ *Flash, r *Report) { r.Exit = ExitFatal }, "it did not end verified"},
		{"it only compared", func(_ *Flash, r *Report) { r.Mode = ModeVerify }, "it did not end verified"},
		{"a dry run", func(_ *Flash, r *Report) { r.Mode, r.Result = ModeDryRun, ResultPlanned }, "it did not end verified"},
		{"this one only compares", func(f *Flash, _ *Report) { f.Job.VerifyOnly = true }, "it did not end verified"},
		{"another policy", func(_ *Flash, r *Report) { r.PolicySHA256 = "q" }, "the policy differs"},
		{"a policy without a digest", func(f *Flash, r *Report) { f.Policy.SHA256, r.PolicySHA256 = "", "" }, "the policy differs"},
		{"another board", func(_ *Flash, r *Report) { r.Board = "x" }, "the policy differs"},
		{"another argument", func(f *Flash, _ *Report) { f.Job.Args = map[string]string{"serial": "2"} }, "the arguments differ"},
		{"an argument less", func(_ *Flash, r *Report) { r.Args = nil }, "the arguments differ"},
		{"a wrong argument", func(f *Flash, _ *Report) { f.Job.Args = map[string]string{"serial": "x"} }, "the arguments differ"},
		{"another port", func(f *Flash, _ *Report) { f.Job.Port = "tcp:127.0.0.1:2" }, "the port differs"},
		{"it was simulated", func(_ *Flash, r *Report) { r.Simulated = true }, "the port differs"},
		{"another image", func(f *Flash, _ *Report) { f.Job.Image = other }, "the image differs"},
		{"another content then", func(_ *Flash, r *Report) { r.Image.SHA256 = "" }, "the image differs"},
		{"another target", func(_ *Flash, r *Report) { r.Target.Name = "x" }, "the target differs, or the policy chooses it on the board"},
		{"the policy chooses the target", func(f *Flash, _ *Report) { f.Policy.ChooseTarget = choose }, "the target differs, or the policy chooses it on the board"},
		{"the operator chooses the target", func(f *Flash, _ *Report) { f.Policy.ChooseTarget, f.Job.Target = choose, "disk" }, ""},
		{"not checked", func(f *Flash, _ *Report) { f.Policy.Check = check }, "the policy's check did not pass"},
		{"checked", func(f *Flash, r *Report) { f.Policy.Check, r.Check = check, &CheckReport{Result: CheckPassed} }, ""},
		{"no check now", func(f *Flash, _ *Report) { f.Policy.Check, f.Job.NoCheck = check, true }, ""},
		{"images of the policy", func(_ *Flash, r *Report) { r.Parts = []PartReport{{Image: r.Image}} }, "the partitions differ"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			b.OpenPower = func(string) (power.Driver, error) { return nil, nil }
			b.policy.SHA256, b.policy.Args = "p", map[string]Argument{"serial": {Name: "serial", Type: NumberArgument, Default: 1.0}}
			f := Flash{Policy: b.policy, Job: b.job}
			f.Job.Port = "tcp:127.0.0.1:1"
			r := &Report{
				Result: ResultVerified, Mode: ModeFlash, Board: "fake", Port: f.Job.Port, PolicySHA256: "p", Args: Arguments{"serial": 1.0},
				Target: TargetReport{Name: "disk", State: Verified},
			}
			raw, err := os.ReadFile(f.Job.Image)
			if err != nil {
				t.Fatal(err)
			}
			r.Image.SHA256 = fmt.Sprintf("%x", sha256.Sum256(raw))
			tt.change(&f, r)
			shared := &SharedImages{}
			defer shared.Close()
			for _, err := range b.PlanAll(t.Context(), []Flash{f}, shared) {
				if err != nil && tt.name != "a wrong argument" {
					t.Fatal(err)
				}
			}
			text, err := r.MarshalIndent()
			if err != nil {
				t.Fatal(err)
			}
			var read Report // as from verdict.json
			if err := json.Unmarshal(text, &read); err != nil {
				t.Fatal(err)
			}
			if why := f.Repeats(t.Context(), &read, shared); why != tt.why {
				t.Errorf("Repeats = %q; want %q", why, tt.why)
			}
		})
	}
}
