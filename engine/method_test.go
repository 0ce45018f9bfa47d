package engine

import (
	"context"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// TestMethodRefusals holds that a target that the policy's method cannot write is refused before power-on.
func TestMethodRefusals(t *testing.T) {
	linux, both, nor := Target{Name: "linux", Path: "/dev/vda"}, Target{Name: "both", Sysfs: "4f80000", UBoot: "mmc 0"}, Target{Name: "nor", UBoot: "virtio 1"}
	chosen := func(context.Context, *Session, *uboot.UBoot, *shell.Shell) (string, error) { return "nor", nil }
	for name, tt := range map[string]struct {
		bend       func(*bench)
		text, hint string // of the error; "" is none
		kind       classify.Kind
	}{
		"linux by linux":  {bend: func(b *bench) { b.policy.Method, b.job.Target = ByLinux, "linux" }},
		"both by linux":   {bend: func(b *bench) { b.policy.Method, b.job.Target = ByLinux, "both" }},
		"both by U-Boot":  {bend: func(b *bench) { b.policy.Method, b.job.Target = ByUBoot, "both" }},
		"own flash":       {bend: func(b *bench) { b.job.Target = "nor" }},
		"chosen":          {bend: func(b *bench) { b.policy.Method, b.policy.ChooseTarget = ByUBoot, chosen }},
		"nor by linux":    {func(b *bench) { b.policy.Method, b.job.Target = ByLinux, "nor" }, "target nor, virtio 1, is a medium of U-Boot", "--target can be both, linux", classify.ConfigPolicy},
		"linux by U-Boot": {func(b *bench) { b.policy.Method, b.job.Target = ByUBoot, "linux" }, "target linux has no name in U-Boot", "--target can be both, nor", classify.ConfigPolicy},
		"default":         {func(b *bench) { b.policy.Method, b.policy.DefaultTarget = ByUBoot, "linux" }, "target linux has no name in U-Boot", `add uboot = "virtio 0"`, classify.ConfigPolicy},
		"none to choose": {func(b *bench) {
			b.policy.Method, b.policy.ChooseTarget = ByUBoot, chosen
			b.policy.Targets = map[string]Target{"linux": linux}
		}, "has no name in U-Boot", "", classify.ConfigPolicy},
		"by HTTP": {bend: func(b *bench) {
			b.policy.Method, b.policy.LoadsNoFiles, b.policy.Net.NoTFTP, b.job.Target = ByUBoot, true, true, "both"
		}},
		"small RAM": {func(b *bench) {
			b.policy.Method, b.policy.LoadsNoFiles, b.policy.UBoot.RAM.Size, b.job.Target = ByUBoot, true, 4096, "both"
		}, "the board has 4096 bytes of RAM for images", "make uboot.ram in the policy larger", classify.UBootRAM},
		"medium as target": {func(b *bench) { b.job.Target = "mmc 0" }, `has no target "mmc 0"`, "it has both, linux, nor; mmc 0 is both", classify.Usage},
	} {
		b := newBench(t, failing(nil))
		b.policy.Targets = map[string]Target{"linux": linux, "both": both, "nor": nor}
		b.job.DryRun, b.job.Port = true, "unix:/no/sock"
		tt.bend(b)
		r, _ := b.run(t)
		want := ExitVerified
		if tt.text != "" {
			want = ExitPlan
		}
		if r.Exit != want || r.Kind != string(tt.kind) || !strings.Contains(r.Error, tt.text) || !strings.Contains(r.Hint, tt.hint) || len(b.switched) != 0 {
			t.Errorf("%s: exit %d, kind %s, %s, hint %s; want %d, %s, %s, %s", name, r.Exit, r.Kind, r.Error, r.Hint, want, tt.kind, tt.text, tt.hint)
		}
	}
}

// TestPlanNamesMethod holds that the plan says what writes, and names the medium as that finds it.
func TestPlanNamesMethod(t *testing.T) {
	for method, want := range map[Method]string{
		ByLinux: "to /dev/vda of board bench, target disk, by a Linux in RAM: everything on it is lost\n",
		ByUBoot: "to virtio 0 from byte 512 on of board bench, target disk, by U-Boot: what the image covers is lost\n",
		"":      "to /dev/vda of board bench, target disk: everything on it is lost\n",
	} {
		b := newBench(t, failing(nil))
		b.policy.Name, b.policy.Method = "bench", method
		b.job.DryRun, b.job.Port = true, "unix:/no/sock"
		b.policy.Targets = map[string]Target{"disk": {Name: "disk", Path: "/dev/vda", UBoot: "virtio 0", Offset: 512}}
		b.job.Target = ""
		b.run(t)
		if len(b.events) == 0 || !strings.Contains(b.events[0].Text, want) {
			t.Errorf("with method %q the events are %+v; want %q in the plan", method, b.events, want)
		}
	}
}
