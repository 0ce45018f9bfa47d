// Package flash writes an image to a medium and verifies it.
//
// It owns the two writers (ShellWriter through a board's shell, BlockWriter on the station), the refusal of
// unsafe targets, and receipts: only Verify makes one, and only for the right digest. It must not know how the
// shell was reached, nor when an attempt is retried.
package flash

import (
	"io"
	"os"

	"github.com/flashlua/flashlua/engine/internal/image"
)

// Target says where an image goes, as a policy names it: a device path or an address on the board's bus.
type Target struct {
	Name  string
	Path  string
	Sysfs string
	Part  string // label of a partition in it; "" is all of it

	ClearForceRO bool // an eMMC's boot partition is made writable for the time of the write
}

func (t Target) String() string {
	disk := t.Path
	if disk == "" {
		disk = "the disk at " + t.Sysfs
	}
	if t.Part != "" {
		return "partition " + t.Part + " of " + disk
	}
	return disk
}

// Medium is a target that was resolved on the board.
type Medium struct {
	Target  Target
	Device  string
	Size    int64    // bytes
	Sector  int64    // bytes of a logical sector
	Extents []Extent // where the medium lies
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
}

// Receipt proves that a medium holds an image. Only a writer's Verify makes a valid one.
type Receipt struct {
	Target Target
	Device string
	Size   int64  // bytes
	SHA256 string // hex
	valid  bool
}

// Valid reports whether the medium read back with the right digest.
func (r Receipt) Valid() bool { return r.valid }
