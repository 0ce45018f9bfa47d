package qemu

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/testdata/gpt"
)

// partitions are the disk's in these tests. None begins at a multiple of more than a sector.
var partitions = []gpt.Partition{
	{Label: "boot", From: 1<<20 + 512, Size: 512 << 10},
	{Label: "rootfs", From: 3<<20 + 1536, Size: 4 << 20},
	{Label: "twin", From: 10 << 20, Size: 1 << 20},
	{Label: "twin", From: 11 << 20, Size: 1 << 20},
}

func TestParts(t *testing.T) {
	r := newRig(t, 3_000_001) // what goes to rootfs
	r.fill()
	gpt.Write(t, r.Disk, partitions...)
	parts := func(boot []byte) (int, string, engine.Report) {
		cmd := r.command(policyFile(), "--part", "rootfs:"+r.image, "--part", "boot:"+r.write("boot.raw", string(boot)))
		i := slices.Index(cmd.Args, "--image") // is of the whole disk
		cmd.Args = slices.Delete(cmd.Args, i, i+2)
		out, _ := cmd.CombinedOutput()
		return cmd.ProcessState.ExitCode(), string(out), r.verdict()
	}
	want, err := os.ReadFile(r.Disk)
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string) {
		t.Helper()
		if got, err := os.ReadFile(r.Disk); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: the disk is not what it should be, %v", what, err)
		}
	}

	room := partitions[0].Size
	code, out, v := parts(r.want[:room+1])
	says := fmt.Sprintf("partition boot of /dev/vda has %d bytes, the image has %d", room, room+1)
	if code != engine.ExitFatal || v.Kind != string(classify.TargetUnsafe) || v.Target.State != engine.Untouched || !strings.Contains(v.Error, says) {
		t.Errorf("an image that is too large: exit %d, verdict %+v\n%s", code, v, out)
	}
	same("the other image fits")

	sizes := []int{len(r.want), 100_001}
	code, out, v = parts(r.want[:sizes[1]])
	if code != 0 || v.Result != engine.Verified || v.Target.State != engine.Verified || len(v.Parts) != len(sizes) {
		t.Fatalf("exit %d, verdict %+v\n%s", code, v, out)
	}
	for i, size := range sizes {
		p, at := v.Parts[i], partitions[1-i]
		if p.Label != at.Label || p.Target.State != engine.Verified || p.Image.Size != int64(size) {
			t.Errorf("part %+v", p)
		}
		padded := (size + 511) / 512 * 512
		copy(want[at.From:], append(slices.Clone(r.want[:size]), make([]byte, padded-size)...))
	}
	same("both images")
}
