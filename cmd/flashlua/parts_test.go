package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/testdata/gpt"
)

// TestPartsThatOverlap holds that partitions with a common sector are refused before the first byte is written.
// flashlua verify accepts them; here it reports a mismatch.
func TestPartsThatOverlap(t *testing.T) {
	const mib = 1 << 20
	for name, tt := range map[string]struct {
		boot, rootfs gpt.Partition
		same         string // common byte range; "" if the parts are accepted
	}{
		"begins in the other":     {gpt.Partition{From: mib, Size: 4 * mib}, gpt.Partition{From: 3 * mib, Size: 8 * mib}, "3145728 to 5242879"},
		"the other comes first":   {gpt.Partition{From: 4 * mib, Size: 4 * mib}, gpt.Partition{From: mib, Size: 4 * mib}, "4194304 to 5242879"},
		"lies within the other":   {gpt.Partition{From: mib, Size: 12 * mib}, gpt.Partition{From: 3 * mib, Size: mib}, "3145728 to 4194303"},
		"is the same":             {gpt.Partition{From: 2 * mib, Size: mib}, gpt.Partition{From: 2 * mib, Size: mib}, "2097152 to 3145727"},
		"has the last sector":     {gpt.Partition{From: mib, Size: 4 * mib}, gpt.Partition{From: 5*mib - 512, Size: mib}, "5242368 to 5242879"},
		"is adjacent":             {gpt.Partition{From: mib, Size: 4 * mib}, gpt.Partition{From: 5 * mib, Size: mib}, ""},
		"is adjacent, and before": {gpt.Partition{From: 5 * mib, Size: mib}, gpt.Partition{From: 4*mib + 512, Size: mib - 512}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			disk := filepath.Join(dir, "board/vda.img")
			os.Mkdir(filepath.Dir(disk), 0o755)
			if err := os.WriteFile(disk, bytes.Repeat([]byte{0xff}, 16*mib), 0o600); err != nil {
				t.Fatal(err)
			}
			tt.boot.Label, tt.rootfs.Label = "boot", "rootfs"
			gpt.Write(t, disk, tt.boot, tt.rootfs)
			want, err := os.ReadFile(disk)
			if err != nil {
				t.Fatal(err)
			}
			run := func(command string) (code engine.ExitCode, out string, v engine.Report) {
				cmd := flashlua(t, dir)
				cmd.Args = []string{"flashlua", command, "sim", "--port", "sim:dir=board,size=16", "--retries", "0", "--out", command, "--part", "boot:boot", "--part", "rootfs:rootfs"}
				text, _ := cmd.CombinedOutput()
				raw, err := os.ReadFile(filepath.Join(dir, command, "verdict.json"))
				if err == nil {
					err = json.Unmarshal(raw, &v)
				}
				if err != nil {
					t.Errorf("%v\n%s", err, text)
				}
				return engine.ExitCode(cmd.ProcessState.ExitCode()), string(text), v
			}
			for _, p := range []gpt.Partition{tt.boot, tt.rootfs} {
				content := bytes.Repeat([]byte("\x00"+p.Label[1:]), 512) // whole sectors
				if err := os.WriteFile(filepath.Join(dir, p.Label), content, 0o600); err != nil {
					t.Fatal(err)
				}
				if tt.same == "" {
					copy(want[p.From:], content)
				}
			}
			code, out, v := run("run")
			if got, err := os.ReadFile(disk); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the content of the medium is wrong, %v", err)
			}
			if tt.same == "" {
				if code != 0 || v.Result != engine.ResultVerified {
					t.Errorf("exit %d, %s, %s", code, v.Result, out)
				}
				checkProofs(t, v, filepath.Join(dir, "run/events.jsonl"))
				return
			}
			says := fmt.Sprintf("overlap: both have the bytes %s of the disk", tt.same)
			if code != engine.ExitFatal || v.Kind != "target.unsafe" || v.Target.State != engine.Untouched || !strings.Contains(v.Error, says) || !strings.Contains(v.Hint, "partition table") {
				t.Errorf("exit %d, %s, target %s, %q, hint %q; want %q", code, v.Kind, v.Target.State, v.Error, v.Hint, says)
			}
			if code, _, v = run("verify"); code != engine.ExitFatal || v.Kind != "verify.mismatch" {
				t.Errorf("verify: exit %d, %s, %s; want a mismatch", code, v.Kind, v.Error)
			}
		})
	}
}

// TestPartsAfterACommand holds that a command of the script invalidates the receipts of all parts.
func TestPartsAfterACommand(t *testing.T) {
	const mib = 1 << 20
	for command, tt := range map[string]struct {
		code  engine.ExitCode
		kind  string
		state engine.State
	}{
		"true": {0, "", engine.Verified},
		"dd if=/dev/zero of=/dev/vda1 bs=512 count=1 conv=notrunc": {engine.ExitExhausted, "verify.mismatch", engine.Written},
		"dd if=/dev/zero of=/dev/vda bs=1M seek=4 count=1":         {engine.ExitExhausted, "verify.mismatch", engine.Written},
	} {
		dir := t.TempDir()
		disk := filepath.Join(dir, "board/vda.img")
		os.Mkdir(filepath.Dir(disk), 0o755)
		for path, content := range map[string][]byte{
			disk: bytes.Repeat([]byte{0xff}, 16*mib), filepath.Join(dir, "boot"): []byte("boo\x00"), filepath.Join(dir, "rootfs"): []byte("rootf\x00"),
			filepath.Join(dir, "p.lua"): fmt.Appendf(nil, `local b = require("boards.sim")
function b.flash(s, job)
	s.power:cycle()
	local sh = s:uboot():boot()
	sh:write(job)
	sh:run(%q)
end
return b
`, command),
		} {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		gpt.Write(t, disk, gpt.Partition{Label: "boot", From: mib, Size: mib}, gpt.Partition{Label: "rootfs", From: 4 * mib, Size: mib})
		cmd := flashlua(t, dir)
		cmd.Args = []string{"flashlua", "run", "p.lua", "--port", "sim:dir=board,size=16", "--retries", "0", "--verdict", "v.json", "--part", "boot:boot", "--part", "rootfs:rootfs"}
		out, _ := cmd.CombinedOutput()
		var v engine.Report
		raw, err := os.ReadFile(filepath.Join(dir, "v.json"))
		if err == nil {
			err = json.Unmarshal(raw, &v)
		}
		if err != nil || engine.ExitCode(cmd.ProcessState.ExitCode()) != tt.code || v.Kind != tt.kind || v.Target.State != tt.state {
			t.Errorf("after %s: exit %d, %s, target %s, %v; want %d, %s, %s\n%s", command, cmd.ProcessState.ExitCode(), v.Kind, v.Target.State, err, tt.code, tt.kind, tt.state, out)
		}
	}
}

// checkProofs checks that all parts were written before the first one was read back.
func checkProofs(t *testing.T, v engine.Report, events string) {
	t.Helper()
	for _, p := range v.Parts {
		read, err := time.Parse(time.RFC3339Nano, p.Target.ReadBack)
		for _, other := range v.Parts {
			if wrote, werr := time.Parse(time.RFC3339Nano, other.Target.LastWrite); err != nil || werr != nil || read.Before(wrote) {
				t.Errorf("part %s was read back at %q, and part %s written last at %q", p.Label, p.Target.ReadBack, other.Label, other.Target.LastWrite)
			}
		}
	}
	raw, err := os.ReadFile(events)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for line := range strings.Lines(string(raw)) {
		var e engine.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Type == engine.EventNote && strings.HasPrefix(e.Text, "writing "):
			seen = append(seen, "write")
		case e.Type == engine.EventStep && e.Step == "verify":
			seen = append(seen, "verify")
		}
	}
	if want := []string{"write", "write", "verify", "verify"}; !slices.Equal(seen, want) {
		t.Errorf("order of writes and verifications = %v; want %v", seen, want)
	}
}
