package flash

import (
	"fmt"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// Extent is where a medium lies: a range of bytes of a disk. Two media whose extents overlap share storage.
type Extent struct {
	Disk   string // the kernel's number of the disk, "254:0"; for a file, its fileID
	First  int64  // byte offset in the disk
	Length int64  // bytes

	mapped string // device-mapper or RAID device that uses part of the extent, "" if the extent is the medium's own
}

// overlaps reports whether a and b have bytes in common, and which. It is not known which bytes two mapped devices
// on one disk use, so they overlap only if they are the same device.
func (a Extent) overlaps(b Extent) (Extent, bool) {
	first := max(a.First, b.First)
	common := Extent{Disk: a.Disk, First: first, Length: min(a.First+a.Length, b.First+b.Length) - first}
	unknown := a.mapped != "" && b.mapped != "" && a.mapped != b.mapped
	return common, a.Disk == b.Disk && common.Length > 0 && !unknown
}

// overlap returns the first extent that two lists have in common.
func overlap(a, b []Extent) (Extent, bool) {
	for _, x := range a {
		for _, y := range b {
			if common, ok := x.overlaps(y); ok {
				return common, true
			}
		}
	}
	return Extent{}, false
}

// Holding returns the medium with the extent that an image takes on it. What U-Boot writes ends with the image, so
// that several images can have one medium, each from an offset on. im is nil if the image is not known yet: then
// no extent of a medium of U-Boot is known.
func (m Medium) Holding(im *image.Image) Medium {
	if m.uboot == nil || len(m.Extents) == 0 {
		return m
	}
	on := m.Extents[0]
	m.Extents = nil
	if im != nil {
		on.Length = min(roundUp(im.Size(), m.unit), on.Length)
		m.Extents = []Extent{on}
	}
	return m
}

// Apart returns an error if two of the media overlap: writing one would destroy the other.
func Apart(media []Medium) error {
	for i, a := range media {
		for _, b := range media[:i] {
			common, ok := overlap(b.Extents, a.Extents)
			if !ok {
				continue
			}
			hint := "each image needs a place of its own: write one of the two, or the larger one alone"
			if a.Target.Part != "" && b.Target.Part != "" && a.Device != b.Device {
				hint = "the partition table is wrong: compare where its partitions begin and end (sgdisk --print, fdisk -l), and flash the whole disk with a right one"
			}
			return classify.WithHint(classify.New(classify.TargetUnsafe, "target %s: %s and %s overlap: both have the bytes %d to %d of %s",
				a.Target.Name, b.name(), a.name(), common.First, common.First+common.Length-1, diskName(common.Disk)), "%s", hint)
		}
	}
	return nil
}

// name returns the target, and its device if the target does not name it.
func (m Medium) name() string {
	if m.Target.Part == "" && m.Target.Path == m.Device {
		return m.Device
	}
	return fmt.Sprintf("%s (%s)", m.Target, m.Device)
}

func diskName(disk string) string {
	if strings.HasPrefix(disk, fileDisk) {
		return "the " + disk
	}
	return "the disk " + disk
}

// fileDisk is the prefix of the Disk of an extent of a file.
const fileDisk = "file "
