package simulate

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/internal/simboard"
)

func TestSimulatedMedia(t *testing.T) {
	for _, tt := range []struct {
		targets map[string]engine.Target
		want    string
	}{
		{map[string]engine.Target{"a": {Path: "/dev/vda"}, "b": {Path: "/dev/vda"}}, "[{vda   0}]"},
		{map[string]engine.Target{"emmc": {Path: "/dev/mmcblk0"}, "usd": {Sysfs: "4fb0000"}}, "[{mmcblk0   0} {mmcblk1 4fb0000.mmc  0}]"},
		{map[string]engine.Target{"card": {Sysfs: "4fb0000"}, "emmc": {Path: "/dev/mmcblk0"}, "other": {Sysfs: "4f80000"}}, "[{mmcblk0   0} {mmcblk1 4fb0000.mmc  0} {mmcblk2 4f80000.mmc  0}]"},
		{map[string]engine.Target{"a": {UBoot: "virtio 1"}, "b": {UBoot: "sf 0:0"}, "c": {UBoot: "usb 0"}, "d": {UBoot: "scsi 0"}}, "[{vdb  virtio 1} {sda  usb 0} {sdb  scsi 0}]"},
		{map[string]engine.Target{"a": {Sysfs: "4f80000", UBoot: "mmc 1"}, "boot": {UBoot: "mmc 1.boot0"}}, "[{mmcblk1 4f80000.mmc mmc 1}]"},
		{map[string]engine.Target{"a": {Path: "/dev/mmcblk1", UBoot: "mmc 0"}, "b": {UBoot: "nand 0"}}, "[{mmcblk1  mmc 0}]"},
	} {
		if got, err := mediaOf(&engine.Policy{Targets: tt.targets}); err != nil || fmt.Sprint(got) != tt.want {
			t.Errorf("addMedia(%v) = %v, %v; want %s", tt.targets, got, err, tt.want)
		}
	}
}

// TestSimulatedMediaStayInside shows that no target makes a file outside of the folder for them.
func TestSimulatedMediaStayInside(t *testing.T) {
	canary := t.TempDir()
	dir := filepath.Join(canary, "media")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/dev/../outside", "/dev/sub/vda", "/outside", "/dev/..", "/dev/.", "/dev/"} {
		p := &engine.Policy{Targets: map[string]engine.Target{"disk": {Path: path}}}
		_, err := New(p, "size=1,dir="+dir)
		if f := classify.Facts(err); f.Kind != classify.Config || f.Hint == "" {
			t.Errorf("%s: %v, hint %q", path, err, f.Hint)
		}
	}
	for _, d := range []string{canary, dir} {
		if all, _ := filepath.Glob(filepath.Join(d, "*.img")); len(all) > 0 {
			t.Errorf("there are %v", all)
		}
	}
}

func mediaOf(p *engine.Policy) ([]simboard.Medium, error) {
	var cfg simboard.Config
	err := addMedia(&cfg, p)
	return cfg.Media, err
}
