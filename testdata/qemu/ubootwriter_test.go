package qemu

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/engine"
)

// written is a target of a board that U-Boot writes, and the file that holds its medium.
type written struct {
	uboot string // U-Boot's name of the medium
	bus   string // of Medium; "" is the board's disk
}

// ubootBoard is a board whose media U-Boot writes.
type ubootBoard struct {
	arch  Arch
	media []written
}

// ubootBoards are the U-Boots that Debian serves, each with the media that it can write.
var ubootBoards = []ubootBoard{
	{ARM64, []written{{"virtio 0", ""}, {"nvme 0", "nvme"}, {"scsi 0", "scsi"}}},
	{ARM64.Of(Trixie), []written{{"virtio 0", ""}, {"nvme 0", "nvme"}, {"scsi 0", "scsi"}, {"usb 0", "usb"}}},
	{ARM64.Of(Experimental), []written{{"virtio 0", ""}, {"usb 0", "usb"}}},
	{ARM, []written{{"virtio 0", ""}, {"nvme 0", "nvme"}}},
	{ARM.Of(Trixie), []written{{"virtio 0", ""}, {"usb 0", "usb"}}},
	{RISCV64, []written{{"virtio 0", ""}, {"nvme 0", "nvme"}}},
	{RISCV64.Of(Trixie), []written{{"virtio 0", ""}}},
	{X86, []written{{"virtio 0", ""}, {"nvme 0", "nvme"}}},
	{X86.Of(Trixie), []written{{"virtio 0", ""}, {"scsi 0", "scsi"}}},
	{OrangePi, []written{{"mmc 0", ""}, {"usb 0", "usb"}}},
}

// smallSizes are those of the images that are written beside the operator's, each to an offset of its own.
var smallSizes = []int64{1, 511, 512, 513, 1<<20 + 1}

const (
	ubootDisk   = 64 << 20 // bytes of each medium
	smallStep   = 2 << 20  // between the offsets of the small images
	sparseImage = 24 << 20
	sparseAt    = 32<<20 + 512
)

// name returns the name of a board's test.
func (a Arch) name() string { return strings.TrimSuffix(a.Name+" "+a.Release, " ") }

// onUBoot returns a rig whose board need not boot a Linux, with more media.
func (a Arch) onUBoot(t testing.TB, diskSize int64, media ...Medium) *rig {
	a.Kernel = ""
	return a.rig(t, func(dir string) (*Board, error) { return a.StartWith(context.Background(), dir, diskSize, media...) })
}

// ubootPolicy writes a policy of method uboot for the rig's board: what base adds stands before the targets.
func (r *rig) ubootPolicy(lua string) string {
	switch r.Arch.Name {
	case OrangePi.Name, SabreLite.Name:
		return r.write("variant.lua", `local board = require("lib.qemu").board { name = "`+r.Arch.Name+`", method = "uboot" }
`+lua+"\nreturn board\n")
	}
	return r.variant("board.files, board.boot, board.method = nil, nil, \"uboot\"\n" + lua)
}

// fillFile fills a file of a medium with bytes that no image has.
func (r *rig) fillFile(path string, size int64) {
	r.t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	chunk := bytes.Repeat([]byte{0xa5}, 1<<20)
	for off := int64(0); off < size; off += int64(len(chunk)) {
		if _, err := f.WriteAt(chunk, off); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// sparse returns an image of data and holes: a table at its begin, and an eighth of it anywhere.
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

// TestUBootWriter has each U-Boot write images of several sizes to each of its media. Outside, the files of the media
// must hold the images, padded to sectors with zeros, and everything else as it was.
func TestUBootWriter(t *testing.T) {
	for _, b := range ubootBoards {
		t.Run(b.arch.name(), func(t *testing.T) {
			var media []Medium
			for _, m := range b.media {
				if m.bus != "" {
					media = append(media, Medium{m.bus, ubootDisk})
				}
			}
			r := b.arch.onUBoot(t, ubootDisk, media...)
			images := map[int64][]byte{}
			paths := map[int64]string{}
			for _, size := range smallSizes {
				images[size] = sparse(size, uint64(size))
				paths[size] = r.write(fmt.Sprintf("%d.raw", size), string(images[size]))
			}
			r.want = sparse(sparseImage, 1)
			r.image = r.write("x.raw", string(r.want))
			var lua, writes strings.Builder
			lua.WriteString("board.targets = {}\n")
			for i, m := range b.media {
				r.fillFile(r.fileOf(m), ubootDisk)
				fmt.Fprintf(&lua, "board.targets.t%d = { uboot = %q, offset = %d }\n", i, m.uboot, sparseAt)
				for n, size := range smallSizes {
					fmt.Fprintf(&lua, "board.targets.t%d_%d = { uboot = %q, offset = %d }\n", i, size, m.uboot, smallAt(n))
					fmt.Fprintf(&writes, "\tub:write(job, { target = \"t%d_%d\", image = %q })\n", i, size, paths[size])
				}
				fmt.Fprintf(&writes, "\tub:write(job, { target = \"t%d\" })\n", i)
			}
			lua.WriteString(`board.default_target = "t0"
local seq = require("lib.uboot_writer").sequence()
seq:replace("write", function(s, job, at)
	local ub = at.uboot
` + writes.String() + `end)
board.flash = seq.flash`)
			code, out, v := r.flash(r.ubootPolicy(lua.String()))
			if code != 0 || v.Result != engine.ResultVerified || v.Target.State != engine.Verified || v.Target.Writer != "uboot" || v.Target.Digest == "" || len(failures(v.Attempts)) > 0 {
				t.Fatalf("flashlua = exit %d, verdict %+v; want 0, verified, by uboot, with a digest\n%s", code, v, out)
			}
			if want := len(b.media) * (1 + len(smallSizes)); len(v.Parts) != want {
				t.Errorf("verdict has %d parts; want %d", len(v.Parts), want)
			}
			for _, p := range v.Parts {
				if p.Target.State != engine.Verified || p.Target.Writer != "uboot" {
					t.Errorf("part = %+v; want verified, by uboot", p)
				}
			}
			for _, m := range b.media {
				want := bytes.Repeat([]byte{0xa5}, ubootDisk)
				put := func(image []byte, at int64) {
					padded := make([]byte, (len(image)+511)/512*512)
					copy(padded, image)
					copy(want[at:], padded)
				}
				for n, size := range smallSizes {
					put(images[size], smallAt(n))
				}
				put(r.want, sparseAt)
				r.mediumHolds(r.fileOf(m), m.uboot, want)
			}
		})
	}
}

// smallAt is the offset of the small image with this index. None is a multiple of more than a sector.
func smallAt(n int) int64 { return int64(n)*smallStep + 512 }

// fileOf is the file of a medium.
func (r *rig) fileOf(m written) string {
	if m.bus == "" {
		return r.Disk
	}
	return Medium{Bus: m.bus}.file(filepath.Dir(r.Disk))
}

// mediumHolds checks that the file of a medium holds these bytes.
func (r *rig) mediumHolds(path, medium string, want []byte) {
	r.t.Helper()
	f, err := os.Open(path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err != nil {
		r.t.Fatal(err)
	}
	if len(got) != len(want) {
		r.t.Fatalf("the file of %s has %d bytes; want %d", medium, len(got), len(want))
	}
	for off := 0; off < len(got); off += 512 {
		if !bytes.Equal(got[off:off+512], want[off:off+512]) {
			r.t.Errorf("%s has % x… at byte %d; want % x…", medium, got[off:off+8], off, want[off:off+8])
			return
		}
	}
}
