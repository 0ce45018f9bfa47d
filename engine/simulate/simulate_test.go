package simulate

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

func TestSimulatedMedia(t *testing.T) {
	for _, tt := range []struct {
		targets map[string]engine.Target
		want    string
	}{
		{map[string]engine.Target{"a": {Path: "/dev/vda"}, "b": {Path: "/dev/vda"}}, "[{vda }]"},
		{map[string]engine.Target{"emmc": {Path: "/dev/mmcblk0"}, "usd": {Sysfs: "4fb0000"}}, "[{mmcblk0 } {mmcblk1 4fb0000.mmc}]"},
		{map[string]engine.Target{"card": {Sysfs: "4fb0000"}, "emmc": {Path: "/dev/mmcblk0"}, "other": {Sysfs: "4f80000"}}, "[{mmcblk0 } {mmcblk1 4fb0000.mmc} {mmcblk2 4f80000.mmc}]"},
	} {
		if got, err := media(&engine.Policy{Targets: tt.targets}); err != nil || fmt.Sprint(got) != tt.want {
			t.Errorf("media(%v) = %v, %v; want %s", tt.targets, got, err, tt.want)
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
