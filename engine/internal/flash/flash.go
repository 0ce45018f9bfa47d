// Package flash writes an image to a medium and verifies it.
//
// It owns the writers (ShellWriter through a board's shell, UBootWriter by U-Boot's commands, BlockWriter on the
// station), the refusal of
// unsafe targets, and receipts: only Verify makes one, and only for the right digest. It must not know how the
// shell was reached, nor when an attempt is retried.
package flash

import (
	"fmt"
	"io"
	"os"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/ubootmedia"
)

// Target says where an image goes, as a policy names it: for Linux a device path or an address on the board's bus, and
// for U-Boot the name of a medium.
type Target struct {
	Name   string
	Path   string
	Sysfs  string
	UBoot  string
	Part   string // label of a partition in it; "" is all of it
	Offset int64  // bytes from the begin of the medium or the partition; for U-Boot only
	Layout string // of an image on a NAND chip: ubootmedia.SkipBad; for U-Boot only

	ClearForceRO bool // an eMMC's boot partition is made writable for the time of the write
}

// InLinux reports whether Linux can find the target.
func (t Target) InLinux() bool { return t.Path != "" || t.Sysfs != "" }

func (t Target) String() string {
	disk := t.Path
	switch {
	case t.Path == "" && t.Sysfs != "":
		disk = "the disk at " + t.Sysfs
	case t.Path == "" && t.Offset != 0:
		disk = fmt.Sprintf("%s from byte %d on", t.UBoot, t.Offset)
	case t.Path == "":
		disk = t.UBoot
	}
	if t.Part != "" {
		return "partition " + t.Part + " of " + disk
	}
	return disk
}

// Check returns an error for a target that no board can have.
func (t Target) Check() error {
	if t.UBoot != "" {
		if err := ubootmedia.CheckName(t.UBoot, t.options()); err != nil {
			return classify.Wrap(err, "", "target %s", t.Name)
		}
	}
	return t.CheckDevice()
}

// options returns what U-Boot needs in addition to the name of the medium.
func (t Target) options() ubootmedia.Options {
	return ubootmedia.Options{Part: t.Part, Offset: t.Offset, Layout: t.Layout}
}

// Medium is a target that was resolved on the board.
type Medium struct {
	Target  Target
	Device  string
	Size    int64    // bytes; 0 if U-Boot does not say it
	Sector  int64    // bytes of a logical sector
	Extents []Extent // where the medium lies

	uboot ubootmedia.Medium // nil: it is reached through a shell
	unit  int64             // bytes of the smallest write by U-Boot
	whole bool              // U-Boot writes and reads it from its begin in one piece

	readOnly bool // U-Boot will not write it
}

// has reports whether the medium still has the size and the place that U-Boot says.
func (m Medium) has(g ubootmedia.Geometry) bool {
	return g.Size == m.Size && g.Sector == m.Sector && g.First == m.Extents[0].First
}

// Image is the image that is written. ReadRange returns an error if a range has changed since the digest was
// computed.
type Image interface {
	io.ReaderAt
	File() *os.File // the file that holds the image, unpacked
	Size() int64    // bytes
	SHA256() string // hex
	Ranges() []image.Range
	ReadRange(r image.Range, buf []byte) error
	CheckUnchanged() error
	RememberDigest(key any, compute func() (string, error)) (string, error)
}

// Receipt proves that a medium holds an image. Only a writer's Verify makes a valid one.
type Receipt struct {
	Target Target
	Device string
	Size   int64  // bytes
	SHA256 string // hex
	Digest string // how what was read back was compared: sha256, crc32; "bytes" is byte by byte
	valid  bool
}

// Valid reports whether the medium read back with the right digest.
func (r Receipt) Valid() bool { return r.valid }
