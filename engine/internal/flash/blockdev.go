package flash

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/input"
)

// BlockTarget writes an image to a block device of this machine, or into a file: a card in a reader, an SD multiplexer, a board
// that shows its medium by USB.
//
// Where some of the medium is right already it is compared first, and only what differs is written: so an interrupted run
// goes on where it was, and nearly the same image costs little. What was written is read back past the cache, and all the
// rest, too, where it may be the same place by another address. What is wrong then is written again, and everything is read.
type BlockTarget struct {
	Path        string
	Force       bool                                 // also a device that is in use, or not removable
	Progress    func(step string, done, total int64) // may be nil; called from other goroutines
	OpenFile    func(path string) (*os.File, error)  // opens a file to write, or makes it; nil is os.OpenFile
	BeforeWrite func()                               // called before the medium changes; may be nil; called from other goroutines
}

// Open checks the target and opens it for an image, which is not source, nor lies on the target. It writes nothing.
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
			return nil, classify.New(classify.TargetUnsafe, "%s is neither a block device nor a file", l.Path)
		}
	}
	if device := loopDevice(st); device != "" && !l.Force {
		return nil, classify.WithHint(classify.New(classify.TargetUnsafe, "%s is what %s consists of", l.Path, device),
			"name %s, or detach it with losetup --detach; --force writes the file all the same", device)
	}
	t := &BlockDevice{cfg: l, sector: 1, oldSectors: newOldSectors()}
	if err != nil { // it is made when there is something to write
		if in, err := os.Stat(filepath.Dir(l.Path)); err != nil || !in.IsDir() {
			return nil, classify.New(classify.TargetUnsafe, "cannot write %s: there is no such folder", l.Path)
		}
		return t, nil
	}
	return t, t.openFile()
}

// checkApart refuses a target that holds the image, which would be overwritten while it is read.
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

// prepare refuses the image if it is too large or lies on the target, and makes the file if there is none: nothing else is
// left to be refused before the medium changes.
func (t *BlockDevice) prepare(im Image) error {
	if err := t.Fits(im.Size(), true); err != nil {
		return err
	}
	if !t.device {
		if err := t.openFile(); err != nil {
			return err
		}
	}
	target, err := t.f.Stat()
	if err != nil {
		return classify.Wrap(err, classify.TargetUnsafe, "cannot look at %s", t.cfg.Path)
	}
	if f := im.File(); f != nil {
		if in, err := f.Stat(); err == nil {
			return t.cfg.checkApart(target, in, f.Name())
		}
	}
	return nil
}

// Target is the target as a receipt names it.
func (t *BlockDevice) Target() Target { return Target{Name: t.cfg.Path, Path: t.cfg.Path} }

// Extents returns where the target lies, once it is there.
func (t *BlockDevice) Extents() []Extent {
	if t.f == nil {
		return nil
	}
	st, err := t.f.Stat()
	if err != nil {
		return nil
	}
	return sys.extents(st, false)
}

// sys is this machine's.
const sys = sysfs("/sys")

// openFile opens the file, which is made if need be.
func (t *BlockDevice) openFile() error {
	if t.f != nil {
		return nil
	}
	path := t.cfg.Path
	open := t.cfg.OpenFile
	if open == nil {
		open = func(path string) (*os.File, error) {
			return os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NONBLOCK, 0o644)
		}
	}
	f, err := open(path)
	if err != nil {
		return classify.Wrap(err, classify.TargetUnsafe, "cannot write %s", path)
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == unix.EWOULDBLOCK {
		f.Close()
		return classify.WithHint(classify.New(classify.TargetUnsafe, "%s is in use", path), "another flashlua may be writing it")
	}
	t.f = f
	if t.direct, err = os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDWR|directFlag, 0); err != nil { // no file system in RAM knows it
		t.direct = nil
	}
	return nil
}

// BlockDevice is a target that is open.
type BlockDevice struct {
	cfg        BlockTarget
	f          *os.File // regular access, for a file's end
	direct     *os.File // past the cache; nil where that cannot be
	sector     int64    // bytes, of a device; 1 of a file
	device     bool
	end        int64 // bytes that fit, of a device
	precompare *Precompare
	oldSectors *oldSectors // what was there instead
}

// openDevice refuses what must not be overwritten.
func (l BlockTarget) openDevice(st os.FileInfo) (*BlockDevice, error) {
	refuse := func(format string, a ...any) error {
		return classify.WithHint(classify.New(classify.TargetUnsafe, format, a...), "name the right device, lsblk lists them; --force writes it all the same")
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
		flags |= os.O_EXCL // the kernel's own word on whether it is in use
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

// Fits refuses an image of size bytes, or of more if that is not all, that is too large.
func (t *BlockDevice) Fits(size int64, all bool) error {
	if t.device && t.end < size {
		return tooLarge(t.cfg.Path, t.end, size, all)
	}
	return nil
}

// Close closes the target.
func (t *BlockDevice) Close() error {
	t.precompare.stop(nil)
	if t.f == nil {
		return nil
	}
	err := t.f.Close()
	if t.direct != nil && t.direct != t.f {
		err = errors.Join(err, t.direct.Close())
	}
	return err
}

// loopDevice gives the loop device that a file is behind, "" if there is none.
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

// beforeWrite must be called before the medium changes.
func (t *BlockDevice) beforeWrite() {
	if t.cfg.BeforeWrite != nil {
		t.cfg.BeforeWrite()
	}
}

// truncate makes a file as long as the image.
func (t *BlockDevice) truncate(size int64) error {
	if t.device {
		return nil
	}
	if st, err := t.f.Stat(); err == nil && st.Size() == size {
		return nil
	}
	t.beforeWrite()
	if err := t.f.Truncate(size); err != nil {
		return t.writeError(err, 0)
	}
	return nil
}

func (t *BlockDevice) writeAt(p []byte, off int64) error {
	f := t.f
	if t.direct != nil && (t.device || isAligned(len(p))) {
		f = t.direct
	}
	n, err := f.WriteAt(p, off)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

// zeroRange has the kernel fill a part with zeros, if it can. Whether it did is for reading back to say.
func (t *BlockDevice) zeroRange(off, n int64) error {
	if !t.device {
		return punchHole(t.f, off, n)
	}
	return zeroOut(t.f, off, n)
}

// sync has the medium keep what was written.
func (t *BlockDevice) sync() error {
	if t.direct != nil {
		if err := t.direct.Sync(); err != nil {
			return err
		}
	}
	return t.f.Sync()
}

// alignedBuffer is memory as direct access wants it.
func alignedBuffer(n int) ([]byte, error) {
	p, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("no memory: %w", err)
	}
	return p, nil
}
