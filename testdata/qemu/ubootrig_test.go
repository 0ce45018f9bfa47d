package qemu

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/engine"
)

// ubootMedium is a medium of a board that U-Boot writes.
type ubootMedium struct {
	uboot string // U-Boot's name of it
	bus   string // of Medium; "" is the board's disk
	by    string // how U-Boot gets the image; "" is the policy's way
}

// ubootBoard is a board whose media U-Boot writes.
type ubootBoard struct {
	arch  Arch
	media []ubootMedium
	image int64 // bytes of the operator's image; 0 is usual
}

// name returns the name of a board's test.
func (a Arch) name() string { return strings.TrimSuffix(a.Name+" "+a.Release, " ") }

// newRig returns a rig of the board with media of a size. It need not boot a Linux.
func (b ubootBoard) newRig(t testing.TB, size int64) *rig {
	var more []Medium
	for _, m := range b.media {
		switch m.bus {
		case "":
		case "emmc":
			more = append(more, Medium{m.bus, size + 2*emmcBoot})
		default:
			more = append(more, Medium{m.bus, size})
		}
	}
	a := b.arch
	a.Kernel = ""
	return a.rig(t, func(dir string) (*Board, error) { return a.StartWith(context.Background(), dir, size, more...) })
}

// fileOf is the file of a medium.
func (r *rig) fileOf(m ubootMedium) string {
	if m.bus == "" {
		return r.Disk
	}
	return Medium{Bus: m.bus}.file(r.dir)
}

// ubootPolicy writes a policy of the rig's board by which U-Boot writes.
func (r *rig) ubootPolicy(lua string) string {
	switch r.Arch.Name {
	case OrangePi.Name, SabreLite.Name:
		return r.write("variant.lua", `local board = require("lib.qemu").board { name = "`+r.Arch.Name+`", method = "uboot" }
`+lua+"\nreturn board\n")
	}
	return r.variant("board.files, board.boot, board.method = nil, nil, \"uboot\"\n" + lua)
}

// ubootWrite is one call of ub:write.
type ubootWrite struct {
	medium string // U-Boot's name of it
	offset int64
	image  string // a file; "" is the operator's image
	by     string // as that of ubootMedium
	part   string // GPT label of a partition; "" is the medium
}

// ubootWrites returns the part of a policy that calls ub:write for each.
func ubootWrites(all []ubootWrite) string {
	var targets, calls strings.Builder
	for i, w := range all {
		part := ""
		if w.part != "" {
			part = fmt.Sprintf(", part = %q", w.part)
		}
		fmt.Fprintf(&targets, "board.targets.t%d = { uboot = %q, offset = %d%s }\n", i, w.medium, w.offset, part)
		fmt.Fprintf(&calls, "\tat.uboot:write(job, { target = \"t%d\", image = %q, by = %q })\n", i, w.image, w.by)
	}
	return "board.targets, board.default_target = {}, \"t0\"\n" + targets.String() + `
local seq = require("lib.uboot_writer").sequence()
seq:replace("write", function(s, job, at)
` + strings.NewReplacer(`, image = ""`, "", `, by = ""`, "").Replace(calls.String()) + `end)
board.flash = seq.flash`
}

// writtenByUBoot checks that a flash of this rig ended verified, with so many media that U-Boot wrote.
func (r *rig) writtenByUBoot(media int, code engine.ExitCode, out string, v engine.Report) {
	r.t.Helper()
	if code != 0 || v.Result != engine.ResultVerified || len(failures(v.Attempts)) > 0 {
		r.t.Fatalf("flashlua = exit %d, verdict %+v; want 0, verified without a failure\n%s", code, v, out)
	}
	all := []engine.TargetReport{v.Target}
	for _, p := range v.Parts {
		all = append(all, p.Target)
	}
	if len(v.Parts) != media && media > 1 {
		r.t.Errorf("verdict has %d parts; want %d", len(v.Parts), media)
	}
	for _, x := range all {
		if x.State != engine.Verified || x.Writer != "uboot" || x.Digest == "" {
			r.t.Errorf("target = %+v; want verified, written by uboot, with a digest", x)
		}
	}
}

// unlike is what fills a medium before it is written.
const unlike = 0xa5

// fillFile fills the file of a medium.
func (r *rig) fillFile(path string, size int64) {
	r.t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0) // the same file: QEMU has it open
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(bytes.Repeat([]byte{unlike}, int(size))); err != nil {
		r.t.Fatal(err)
	}
}

// sparse returns an image of data and zeros: the first MiB and an eighth of the others are data.
func sparse(size int64, seed uint64) []byte {
	image := make([]byte, size)
	source := rand.New(rand.NewPCG(seed, 0))
	for off := int64(0); off < size; off += 1 << 20 {
		if off > 0 && source.IntN(8) > 0 {
			continue
		}
		part := image[off:min(off+1<<20, size)]
		for i := range part {
			part[i] = byte(source.Uint32())
		}
	}
	image[0] = 0x80 // what begins with text is refused
	return image
}

// mediumHolds checks that the file of a medium holds these bytes.
func (r *rig) mediumHolds(path, medium string, want []byte) {
	r.t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || len(got) != len(want) {
		r.t.Fatalf("the file of %s has %d bytes, %v; want %d", medium, len(got), err, len(want))
	}
	for off := 0; off < len(got); off += 512 {
		if !bytes.Equal(got[off:off+512], want[off:off+512]) {
			r.t.Errorf("%s has % x… at byte %d; want % x…", medium, got[off:off+8], off, want[off:off+8])
			return
		}
	}
}

// holdsOnly checks that the file of a medium that was empty holds an image at an offset, and no other data.
func (r *rig) holdsOnly(path, medium string, at int64, image []byte) {
	r.t.Helper()
	f, err := os.Open(path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	const near, seekData = 1 << 20, 3 // a file system allocates more than was written
	got, want := make([]byte, len(image)+2*near), make([]byte, len(image)+2*near)
	copy(want[near:], image)
	if _, err := f.ReadAt(got, at-near); err != nil || !bytes.Equal(got, want) {
		r.t.Errorf("%s differs from the image at byte %d, %v; want the image with zeros around it", medium, at, err)
	}
	if first, err := f.Seek(0, seekData); err != nil || first < at-near {
		r.t.Errorf("%s has data at byte %d, %v; want none before %d", medium, first, err, at-near)
	}
	if next, err := f.Seek(at+int64(len(image))+near, seekData); err == nil || !strings.Contains(err.Error(), syscall.ENXIO.Error()) {
		r.t.Errorf("%s has data at byte %d, %v; want none after the image", medium, next, err)
	}
}
