package qemu

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/testdata/gpt"
)

// partitions are the disk's in these tests. None of the first two begins at a multiple of more than a sector.
var partitions = []gpt.Partition{
	{Label: "boot", From: 1<<20 + 512, Size: 512 << 10},
	{Label: "rootfs", From: 3<<20 + 1536, Size: 4 << 20},
	{Label: "twin", From: 10 << 20, Size: 1 << 20},
	{Label: "twin", From: 11 << 20, Size: 1 << 20},
	{Label: "over", From: 7 << 20, Size: 1 << 20},  // of rootfs it has the last three sectors
	{Label: "inner", From: 4 << 20, Size: 1 << 20}, // lies in rootfs
}

// TestParts: partitions that overlap are refused before the first byte is written, and of two that do not both are
// proven after the last write to their disk.
func TestParts(t *testing.T) {
	r := inLinux(t, 3_000_001) // what goes to rootfs
	r.fill()
	gpt.Write(t, r.Disk, partitions...)
	policy := r.fromShell(`at.shell:run("blockdev --rereadpt /dev/vda")`)
	parts := func(label string, content []byte) (engine.ExitCode, string, engine.Report) {
		cmd := r.command(policy, "--part", "rootfs:"+r.image, "--part", label+":"+r.write(label+".raw", string(content)))
		i := slices.Index(cmd.Args, "--image") // is of the whole disk
		cmd.Args = slices.Delete(cmd.Args, i, i+2)
		out, _ := cmd.CombinedOutput()
		return engine.ExitCode(cmd.ProcessState.ExitCode()), string(out), r.verdict()
	}
	want, err := os.ReadFile(r.Disk)
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string) {
		t.Helper()
		if got, err := os.ReadFile(r.Disk); err != nil || !bytes.Equal(got, want) {
			t.Errorf("after %s the disk differs from what was written, %v; want the same", what, err)
		}
	}

	code, out, v := parts("over", r.want[:1])
	says := fmt.Sprintf("overlap: both have the bytes %d to %d of the disk ", partitions[4].From, partitions[1].From+partitions[1].Size-1)
	if code != engine.ExitFatal || v.Kind != string(classify.TargetUnsafe) || v.Target.State != engine.Untouched || !strings.Contains(v.Error, says) || v.Hint == "" {
		t.Errorf("flashlua with partitions that overlap = exit %d, verdict %+v; want %q\n%s", code, v, says, out)
	}
	same("partitions that overlap")

	sizes := []int{len(r.want), 100_001}
	code, out, v = parts("boot", r.want[:sizes[1]])
	if code != 0 || v.Result != engine.ResultVerified || v.Target.State != engine.Verified || len(v.Parts) != len(sizes) {
		t.Fatalf("flashlua = exit %d, verdict %+v; want 0, verified, both parts\n%s", code, v, out)
	}
	for i, size := range sizes {
		p, at := v.Parts[i], partitions[1-i]
		if p.Label != at.Label || p.Target.State != engine.Verified || p.Image.Size != int64(size) {
			t.Errorf("part = %+v; want %s, verified, %d bytes", p, at.Label, size)
		}
		read, err := time.Parse(time.RFC3339Nano, p.Target.ReadBack)
		for _, other := range v.Parts {
			if wrote, werr := time.Parse(time.RFC3339Nano, other.Target.LastWrite); err != nil || werr != nil || !read.After(wrote) {
				t.Errorf("part %s was read back at %q, and part %s written last at %q; want a read-back that began after the last write to the disk", p.Label, p.Target.ReadBack, other.Label, other.Target.LastWrite)
			}
		}
		padded := (size + 511) / 512 * 512
		copy(want[at.From:], append(slices.Clone(r.want[:size]), make([]byte, padded-size)...))
	}
	same("both images")
}
