package linux

import (
	"crypto/rand"
	"io"
	"syscall"
)

// device is the driver of a file of /dev. direct asks for a transfer past the cache.
type device interface {
	readAt(p []byte, off int64, direct bool) (int, error)
	writeAt(p []byte, off int64, direct bool) (int, error)
	size() int64 // bytes, 0 for a device without an end
}

// character is a character device: it has no offsets.
type character struct {
	read  func(p []byte) (int, error)
	write func(p []byte) (int, error)
}

func (c character) readAt(p []byte, _ int64, _ bool) (int, error)  { return c.read(p) }
func (c character) writeAt(p []byte, _ int64, _ bool) (int, error) { return c.write(p) }
func (c character) size() int64                                    { return 0 }

func discard(p []byte) (int, error) { return len(p), nil }
func nothing([]byte) (int, error)   { return 0, io.EOF }
func zeros(p []byte) (int, error)   { clear(p); return len(p), nil }
func full([]byte) (int, error)      { return 0, syscall.ENOSPC }

// disk is a block device. A write reaches its storage at once: there is no cache.
type disk struct {
	Disk
	minor int

	of     *disk // the disk of a partition, nil for a disk. The rest is of a partition:
	number int   // from 1
	from   int64 // bytes
	label  string
}

func newDisk(d Disk, minor int) *disk {
	if d.Sector == 0 {
		d.Sector = 512
	}
	return &disk{Disk: d, minor: minor}
}

func (d *disk) size() int64 { return d.Size }

// check returns the kernel's error for a direct transfer that is not aligned.
func (d *disk) check(n int, off int64, direct bool) error {
	if direct && (int64(n)%d.Sector != 0 || off%d.Sector != 0) {
		return syscall.EINVAL
	}
	return nil
}

func (d *disk) readAt(p []byte, off int64, direct bool) (int, error) {
	if err := d.check(len(p), off, direct); err != nil {
		return 0, err
	}
	if off >= d.Size {
		return 0, io.EOF
	}
	n, err := d.Storage.ReadAt(p[:min(int64(len(p)), d.Size-off)], off)
	if err != nil && err != io.EOF {
		return n, syscall.EIO
	}
	if err == io.EOF { // a file that is shorter than its disk ends with zeros
		end := int(min(int64(len(p)), d.Size-off))
		clear(p[n:end])
		n = end
	}
	return n, nil
}

func (d *disk) writeAt(p []byte, off int64, direct bool) (int, error) {
	if err := d.check(len(p), off, direct); err != nil {
		return 0, err
	}
	if off >= d.Size {
		return 0, syscall.ENOSPC
	}
	fit := p[:min(int64(len(p)), d.Size-off)]
	n, err := d.Storage.WriteAt(fit, off)
	switch {
	case err != nil:
		return n, syscall.EIO
	case len(fit) < len(p) && n == 0:
		return 0, syscall.ENOSPC
	}
	return n, nil
}

func random(p []byte) (int, error) { return rand.Read(p) }
