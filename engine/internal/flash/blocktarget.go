package flash

import (
	"cmp"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/input"
)

// BlockTarget names a block device of the station, or a file: a card in a reader, an SD multiplexer, a board that
// exposes its medium over USB.
//
// Where part of the medium is right already, BlockWriter compares before it writes and rewrites only what differs,
// so that an interrupted run continues where it stopped and a similar image costs little. It reads back past the
// cache what it wrote, and all other parts that may share storage with it. Parts that are still wrong are written
// again, and then everything is read.
type BlockTarget struct {
	Path        string
	Force       bool                                 // accept a device that is in use or not removable
	Progress    func(step string, done, total int64) // may be nil; called from other goroutines
	OpenFile    func(path string) (*os.File, error)  // opens or creates the file; nil is os.OpenFile
	BeforeWrite func()                               // called before each write; may be nil; called from other goroutines

	// Target is what receipts name; nil is one of Path.
	Target *Target
	// Size is not 0 if a file stands for a disk of that many bytes. Its length stays.
	Size int64
	// Refused advises what to do about a device that is refused; "" says that --force helps.
	Refused string
}

// Open checks the target and opens it. It refuses a target that is the image file source, or that holds it. It
// writes nothing.
func (l BlockTarget) Open(source string) (*BlockDevice, error) {
	if err := checkWriteSupport(); err != nil {
		return nil, err
	}
	st, err := os.Stat(l.Path)
	switch {
	case errors.Is(err, os.ErrNotExist) && strings.HasPrefix(l.Path, "/dev/"):
		return nil, classify.WithHint(classify.Wrap(err, classify.TargetMissing, "there is no %s", l.Path), "lsblk lists the block devices")
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return nil, classify.Wrap(err, classify.TargetMissing, "cannot look at %s", l.Path)
	case err == nil:
		if in, err := os.Stat(source); err == nil {
			if err := l.checkApart(st, in, source); err != nil {
				return nil, err
			}
		}
		if st.Mode()&os.ModeDevice != 0 && st.Mode()&os.ModeCharDevice == 0 {
			return l.openDevice(st)
		}
		if !st.Mode().IsRegular() {
			err := classify.New(classify.TargetUnsafe, "%s is neither a block device nor a file", l.Path)
			if hint, is := characterHint(l.Path); is {
				return nil, classify.WithHint(err, "%s", hint)
			}
			return nil, err
		}
	}
	if device := loopDevice(st); device != "" && !l.Force {
		return nil, classify.WithHint(classify.New(classify.TargetUnsafe, "%s is what %s consists of", l.Path, device),
			"name %s, or detach it with losetup --detach; --force writes the file all the same", device)
	}
	t := &BlockDevice{cfg: l, sector: 1, end: l.Size, oldSectors: newOldSectors()}
	if err != nil { // NewWriter creates it
		if in, err := os.Stat(filepath.Dir(l.Path)); err != nil || !in.IsDir() {
			return nil, classify.New(classify.TargetUnsafe, "cannot write %s: there is no such folder", l.Path)
		}
		return t, nil
	}
	return t, t.openFile()
}

// checkApart refuses a target that holds the image: the image would be overwritten while it is read.
func (l BlockTarget) checkApart(target, source os.FileInfo, name string) error {
	const hint = "name another target, or copy the image to another disk first; --force does not help"
	if os.SameFile(target, source) {
		return classify.WithHint(classify.New(classify.TargetUnsafe, "%s is the image itself", l.Path), hint)
	}
	on := sys.extents(target, false)
	if _, ok := overlap(on, sys.extents(source, false)); ok {
		return classify.WithHint(classify.New(classify.TargetUnsafe, "%s and the image %s are the same bytes", l.Path, name), hint)
	}
	if _, ok := overlap(on, sys.extents(source, true)); ok {
		return classify.WithHint(classify.New(classify.TargetUnsafe, "the image %s lies on %s", name, l.Path), hint)
	}
	return nil
}

// openDevice opens a block device. It refuses one that must not be overwritten.
func (l BlockTarget) openDevice(st os.FileInfo) (*BlockDevice, error) {
	refuse := func(format string, a ...any) error {
		return classify.WithHint(classify.New(classify.TargetUnsafe, format, a...), "%s",
			cmp.Or(l.Refused, "name the right device, lsblk lists them; --force writes it all the same"))
	}
	if !l.Force {
		if where := sys.uses(sys.extents(st, false)); len(where) > 0 {
			return nil, refuse("%s is in use: %s", l.Path, strings.Join(where, ", "))
		}
		if !sys.removable(st) {
			return nil, refuse("%s is not a removable device", l.Path)
		}
	}
	flags := os.O_RDWR | directFlag
	if !l.Force {
		flags |= os.O_EXCL // the kernel refuses a device that is in use
	}
	f, err := os.OpenFile(l.Path, flags, 0)
	switch {
	case errors.Is(err, unix.EBUSY):
		return nil, refuse("%s is in use", l.Path)
	case errors.Is(err, os.ErrPermission):
		return nil, classify.WithHint(classify.Wrap(err, classify.TargetUnsafe, "cannot write %s", l.Path), "be root, or in the group that owns it, often disk")
	case err != nil:
		return nil, classify.Wrap(err, classify.TargetUnsafe, "cannot write %s", l.Path)
	}
	if isReadOnly(f) {
		f.Close()
		return nil, classify.WithHint(classify.New(classify.TargetUnsafe, "%s is read-only", l.Path), "a card may have a switch for that, losetup -r makes it so")
	}
	sector, err := sectorSize(f)
	if err != nil {
		f.Close()
		return nil, classify.Wrap(err, classify.TargetUnsafe, "cannot look at %s", l.Path)
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		f.Close()
		return nil, classify.Wrap(err, classify.TargetUnsafe, "cannot look at %s", l.Path)
	}
	return &BlockDevice{cfg: l, f: f, direct: f, sector: sector, device: true, end: end, oldSectors: newOldSectors()}, nil
}

// loopDevice returns the loop device that a file backs, "" if there is none.
func loopDevice(file os.FileInfo) string {
	backings, _ := filepath.Glob("/sys/class/block/loop*/loop/backing_file")
	for _, b := range backings {
		path, err := input.Read(b, maxFact)
		if err != nil {
			continue
		}
		if st, err := os.Stat(strings.TrimSuffix(string(path), "\n")); err == nil && file != nil && os.SameFile(st, file) {
			return "/dev/" + filepath.Base(filepath.Dir(filepath.Dir(b)))
		}
	}
	return ""
}

// sys is the sysfs of the station.
const sys = sysfs("/sys")
