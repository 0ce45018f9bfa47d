package flash

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/bounded"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// Resolve implements Flasher. A target that is only read may be write-protected.
func (d *ShellFlasher) Resolve(ctx context.Context, t Target, readOnly bool) (_ Medium, err error) {
	if !t.InLinux() || t.Offset != 0 {
		return Medium{}, errOnlyInUBoot(t)
	}
	device := t.Path
	if device == "" {
		if device, err = d.findOne(ctx, t, "find_sysfs", t.Sysfs); err != nil {
			return Medium{}, err
		}
	}
	if t.Part != "" {
		if device, err = d.findOne(ctx, t, "find_part", device, t.Part); err != nil {
			return Medium{}, err
		}
	}
	a, err := d.query(ctx, "the look at "+device, "info", device)
	if err != nil {
		return Medium{}, err
	}
	m := Medium{Target: t, Device: a.get("device"), Size: a.number("sectors") * 512, Sector: a.number("sector")}
	m.Extents = []Extent{{Disk: a.get("disk"), First: a.number("first") * 512, Length: m.Size}}
	switch {
	case a.get("error") == "missing":
		return Medium{}, errNotFound(t, a)
	case a.get("error") == "notblock":
		return Medium{}, errNotBlock(t, device)
	case a.get("error") == "blind":
		return Medium{}, classify.WithConsole(classify.New(classify.TargetUnsafe, "target %s: the board cannot tell whether %s is mounted: it has no grep or no /proc", t.Name, t), a.printed())
	case a.get("protected") != "" && !readOnly && a.get("force") != "" && !t.ClearForceRO:
		return Medium{}, classify.WithHint(classify.New(classify.TargetUnsafe, "target %s: %s is read-only", t.Name, a.get("protected")),
			"an eMMC's boot partition is read-only by force_ro: clear_force_ro = true in the policy's target clears it for the time of the write")
	case a.get("protected") != "" && !readOnly && a.get("force") == "":
		return Medium{}, classify.New(classify.TargetUnsafe, "target %s: %s is read-only", t.Name, a.get("protected"))
	case a.get("used") != "":
		return Medium{}, classify.New(classify.TargetUnsafe, "target %s: %s", t.Name, strings.Join(a.fields["used"], ", "))
	case m.Size <= 0 || m.Sector <= 0 || m.Sector > image.BlockSize || m.Sector&(m.Sector-1) != 0 || m.Extents[0].Disk == "" || m.Extents[0].First < 0:
		return Medium{}, classify.WithConsole(classify.New(classify.TargetMissing, "target %s: the board does not tell where %s lies and its size", t.Name, device), a.text)
	}
	return m, nil
}

// errOnlyInUBoot returns the error of a target that Linux cannot find.
func errOnlyInUBoot(t Target) error {
	if t.InLinux() {
		return classify.WithHint(classify.New(classify.ConfigPolicy, "target %s: an offset in %s is for U-Boot only", t.Name, t),
			"write it with ub:write(job), or leave out offset")
	}
	return classify.WithHint(classify.New(classify.ConfigPolicy, "target %s: Linux has no name for %s", t.Name, t),
		"set path or sysfs in the policy's target, or write it with ub:write(job)")
}

// DiskSector returns the size of a logical sector in bytes, 0 if the medium is a part of a disk.
func (m Medium) DiskSector() int64 { return diskSector(m.Extents, m.Sector) }

func diskSector(on []Extent, sector int64) int64 {
	if len(on) == 0 || on[0].First != 0 {
		return 0
	}
	return sector
}

// Fits refuses an image of size bytes that is too large. all reports whether size is final; otherwise the image
// may grow.
func (m Medium) Fits(size int64, all bool) error {
	if m.Size == 0 || m.padded(size) <= m.Size { // a size that is not known is checked later
		return nil
	}
	what := m.Device
	switch {
	case m.Target.Offset != 0:
		what = fmt.Sprintf("%s, from byte %d on,", what, m.Target.Offset)
	case m.Target.Part != "": // name the partition
		what = m.Target.String()
	}
	return tooLarge(fmt.Sprintf("target %s: %s", m.Target.Name, what), m.Size, size, all)
}

func tooLarge(what string, room, size int64, all bool) error {
	more := ""
	if !all {
		more = " or more"
	}
	return classify.New(classify.TargetUnsafe, "%s has %d bytes, the image has %d%s", what, room, size, more)
}

// findOne returns the only device that a search of the helper finds, an error if there are none or several.
func (d *ShellFlasher) findOne(ctx context.Context, t Target, search ...string) (string, error) {
	a, err := d.query(ctx, "the search for "+t.String(), search...)
	if err != nil {
		return "", err
	}
	switch found := a.fields["device"]; len(found) {
	case 0:
		return "", errNotFound(t, a)
	case 1:
		return found[0], nil
	default:
		return "", classify.New(classify.TargetUnsafe, "target %s: %s is ambiguous, it is %s", t.Name, t, strings.Join(found, " and "))
	}
}

func errNotFound(t Target, a reply) error {
	if t.Part != "" && a.get("error") == "" {
		hint := "the disk has no partition with a label: is it the right one, and does it have a table?"
		if labels := a.fields["label"]; len(labels) > 0 {
			hint = "its partitions are " + strings.Join(labels, ", ")
		}
		return classify.WithConsole(classify.WithHint(classify.New(classify.TargetMissing, "target %s: %s is not on the board", t.Name, t), "%s", hint), a.printed())
	}
	return classify.WithConsole(classify.WithHint(classify.New(classify.TargetMissing, "target %s: %s is not on the board", t.Name, t),
		"check targets in the policy against /sys/class/block on the board"), a.printed())
}

// padded returns size rounded up to whole sectors, math.MaxInt64 if that overflows.
func (m Medium) padded(size int64) int64 { return roundUp(size, m.Sector) }

func roundUp(size, sector int64) int64 {
	if n, ok := bounded.RoundUp(size, sector); ok {
		return n
	}
	return math.MaxInt64
}
