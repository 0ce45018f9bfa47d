package flash

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
)

// BlockDevice is an open BlockTarget: a block device or a file. Its fields do not change after NewWriter.
type BlockDevice struct {
	cfg        BlockTarget
	f          *os.File // buffered access, for the end of a file
	direct     *os.File // direct access, past the cache; nil if the file system has none
	sector     int64    // bytes of a sector; 1 for a file
	device     bool
	end        int64       // size of a device in bytes; 0 for a file that takes the size of the image
	precompare *Precompare // nil until StartPrecompare
	oldSectors *oldSectors // what rewritten sectors held before
}

// Target returns the target as receipts name it.
func (t *BlockDevice) Target() Target {
	if t.cfg.Target != nil {
		return *t.cfg.Target
	}
	return Target{Name: t.cfg.Path, Path: t.cfg.Path}
}

// DiskSector returns the size of a logical sector of a disk in bytes, 0 if the target is a file or a part of a disk.
func (t *BlockDevice) DiskSector() int64 {
	if !t.device {
		return 0
	}
	return diskSector(t.Extents(), t.sector)
}

// Extents returns where the target lies, nil if the file does not exist yet.
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

// prepare makes the checks that remain once the image is known: that it fits, and that it is not on the target. It
// creates the file if it does not exist.
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

// openFile opens the file and creates it if necessary.
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
	if t.direct, err = os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDWR|directFlag, 0); err != nil { // as on tmpfs
		t.direct = nil
	}
	return nil
}

// Fits refuses an image of size bytes that is too large. all reports whether size is final; otherwise the image
// may grow.
func (t *BlockDevice) Fits(size int64, all bool) error {
	if (t.device || t.end > 0) && t.end < size {
		return tooLarge(t.cfg.Path, t.end, size, all)
	}
	return nil
}

// Close stops the comparison and closes the target.
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

// beforeWrite must be called before the medium changes.
func (t *BlockDevice) beforeWrite() {
	if t.cfg.BeforeWrite != nil {
		t.cfg.BeforeWrite()
	}
}

// truncate sets a file's length to that of the image.
func (t *BlockDevice) truncate(size int64) error {
	if t.device || t.end > 0 {
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

// writeAt writes p, past the cache if its length permits.
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

// readAt reads p from the medium, not from the cache.
func (t *BlockDevice) readAt(p []byte, off int64) error {
	if t.direct != nil && (t.device || isAligned(len(p))) {
		_, err := io.ReadFull(io.NewSectionReader(t.direct, off, int64(len(p))), p)
		return err
	}
	dropCached(t.f, off, int64(len(p)))
	_, err := io.ReadFull(io.NewSectionReader(t.f, off, int64(len(p))), p)
	return err
}

// zeroRange has the kernel fill a part with zeros, if it can. Verify decides whether it did.
func (t *BlockDevice) zeroRange(off, n int64) error {
	if !t.device {
		return punchHole(t.f, off, n)
	}
	return zeroOut(t.f, off, n)
}

// sync waits until the medium holds what was written.
func (t *BlockDevice) sync() error {
	if t.direct != nil {
		if err := t.direct.Sync(); err != nil {
			return err
		}
	}
	return t.f.Sync()
}

// writeError returns the error of a write at off.
func (t *BlockDevice) writeError(err error, off int64) error {
	return classify.Wrap(err, classify.WriteFailed, "cannot write %s at byte %d", t.cfg.Path, off)
}

// padded returns size rounded up to whole sectors.
func (t *BlockDevice) padded(size int64) int64 { return roundUp(size, t.sector) }

// isAligned reports whether direct access accepts n bytes.
func isAligned(n int) bool { return n%4096 == 0 }

// alignedBuffer returns memory that direct access accepts. The caller unmaps it.
func alignedBuffer(n int) ([]byte, error) {
	p, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("no memory: %w", err)
	}
	return p, nil
}
