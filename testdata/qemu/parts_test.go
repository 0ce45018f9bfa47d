package qemu

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// partition is one of a disk's.
type partition struct {
	label string
	from  int64 // bytes
	size  int64 // bytes
}

// partitions are the disk's in these tests. None begins at a multiple of more than a sector.
var partitions = []partition{
	{"boot", 1<<20 + 512, 512 << 10},
	{"rootfs", 3<<20 + 1536, 4 << 20},
	{"twin", 10 << 20, 1 << 20},
	{"twin", 11 << 20, 1 << 20},
}

// gpt writes a partition table to a disk.
func (r *rig) gpt(parts []partition) {
	r.t.Helper()
	st, err := os.Stat(r.Disk)
	if err != nil {
		r.t.Fatal(err)
	}
	const sector, entries, entrySize = 512, 128, 128
	table := make([]byte, entries*entrySize)
	for i, p := range parts {
		e := table[i*entrySize:]
		copy(e, "any kind of data")      // the type
		copy(e[16:], "partition number") // its own name
		e[31] = byte(i)                  // of which there is one
		le := binary.LittleEndian
		le.PutUint64(e[32:], uint64(p.from/sector))
		le.PutUint64(e[40:], uint64((p.from+p.size)/sector-1))
		for j, c := range utf16.Encode([]rune(p.label)) {
			le.PutUint16(e[56+2*j:], c)
		}
	}
	last := uint64(st.Size()/sector - 1)
	header := func(at, other, entriesAt uint64) []byte {
		var b bytes.Buffer
		b.WriteString("EFI PART")
		binary.Write(&b, binary.LittleEndian, []uint32{0x10000, 92, 0, 0})
		binary.Write(&b, binary.LittleEndian, []uint64{at, other, 34, last - 33})
		b.WriteString("one disk of many")
		binary.Write(&b, binary.LittleEndian, entriesAt)
		binary.Write(&b, binary.LittleEndian, []uint32{entries, entrySize, crc32.ChecksumIEEE(table)})
		binary.LittleEndian.PutUint32(b.Bytes()[16:], crc32.ChecksumIEEE(b.Bytes()))
		return append(b.Bytes(), make([]byte, sector-b.Len())...)
	}
	mbr := make([]byte, sector)
	mbr[446+4] = 0xee // all of the disk belongs to GPT
	binary.LittleEndian.PutUint32(mbr[446+8:], 1)
	binary.LittleEndian.PutUint32(mbr[446+12:], uint32(last))
	mbr[510], mbr[511] = 0x55, 0xaa
	f, err := os.OpenFile(r.Disk, os.O_WRONLY, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	for at, b := range map[uint64][]byte{0: mbr, 1: header(1, last, 2), 2: table, last - 32: table, last: header(last, 1, last-32)} {
		if _, err := f.WriteAt(b, int64(at*sector)); err != nil {
			r.t.Fatal(err)
		}
	}
}

func TestParts(t *testing.T) {
	r := newRig(t, 3_000_001) // what goes to rootfs
	r.fill()
	r.gpt(partitions)
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

	room := partitions[0].size
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
		if p.Label != at.label || p.Target.State != engine.Verified || p.Image.Size != int64(size) {
			t.Errorf("part %+v", p)
		}
		padded := (size + 511) / 512 * 512
		copy(want[at.from:], append(slices.Clone(r.want[:size]), make([]byte, padded-size)...))
	}
	same("both images")
}
