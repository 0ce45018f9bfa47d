package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/testdata/gpt"
)

// TestSectorSizes holds that an image whose partition table is for other sectors than the medium's is a warning,
// and an error with --strict, before anything is written.
func TestSectorSizes(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "disk.raw")
	if err := os.WriteFile(image, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	gpt.Write(t, image, gpt.Partition{Label: "boot", From: 1 << 20, Size: 1 << 20})
	loop := loopOf4096(t, filepath.Join(dir, "medium"))
	const warning = "the partition table of the image disk.raw is for sectors of 512 bytes"
	for name, tt := range map[string]struct {
		args  []string
		warns bool
	}{
		"a board of 4096":               {[]string{"run", "sim", "--port", "sim:size=16,sector=4096", "--retries", "0"}, true},
		"a board of 512":                {[]string{"run", "sim", "--port", "sim:size=16", "--retries", "0"}, false},
		"a block device":                {[]string{"write", "--force", "--to", loop}, true},
		"a file, which has no sectors":  {[]string{"write", "--to", "file"}, false},
		"a board of 4096 that compares": {[]string{"verify", "sim", "--port", "sim:size=16,sector=4096", "--retries", "0"}, true},
	} {
		if tt.args[len(tt.args)-1] == "" {
			continue
		}
		for _, strict := range []bool{false, true} {
			cmd := flashlua(t, dir)
			cmd.Args = append(append([]string{"flashlua"}, tt.args...), "--image", "disk.raw", "--verdict", "v.json")
			if strict {
				cmd.Args = append(cmd.Args, "--strict")
			}
			out, _ := cmd.CombinedOutput()
			var v engine.Report
			raw, err := os.ReadFile(filepath.Join(dir, "v.json"))
			if err == nil {
				err = json.Unmarshal(raw, &v)
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, out)
			}
			switch warned := len(v.Warnings) == 1 && strings.HasPrefix(v.Warnings[0], warning) && bytes.Contains(out, []byte("warning: "+warning)); {
			case tt.warns && strict:
				if v.Kind != "target.unsafe" || v.Target.State != engine.Untouched || !strings.HasPrefix(v.Error, warning) || v.Exit != 2 && v.Exit != 3 {
					t.Errorf("%s with --strict: exit %d, %s, target %s, %s; want target.unsafe and an untouched medium", name, v.Exit, v.Kind, v.Target.State, v.Error)
				}
			case tt.args[0] == "verify":
				if !warned {
					t.Errorf("%s: warnings %q; want one", name, v.Warnings)
				}
			case warned != tt.warns || v.Result != engine.ResultVerified || !tt.warns && len(v.Warnings) > 0:
				t.Errorf("%s, strict %v: %s, warnings %q; want verified, a warning: %v\n%s", name, strict, v.Result, v.Warnings, tt.warns, out)
			}
		}
	}
}

// loopOf4096 returns a loop device with sectors of 4096 bytes on a new file, "" if it cannot be made.
func loopOf4096(t *testing.T, file string) string {
	if err := os.WriteFile(file, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--sector-size", "4096", "--find", "--show", file).Output()
	if err != nil {
		t.Logf("LEFT OUT: losetup: %v", err)
		return ""
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() { exec.Command("losetup", "--detach", device).Run() })
	return device
}
