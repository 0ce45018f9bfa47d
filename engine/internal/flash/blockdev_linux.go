package flash

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// checkWriteSupport returns an error where media of the station cannot be written. On Linux they can.
func checkWriteSupport() error { return nil }

// directFlag is the flag of open(2) for access that bypasses the page cache.
const directFlag = unix.O_DIRECT

// isReadOnly reports whether the kernel refuses writes to the block device.
func isReadOnly(f *os.File) bool {
	readOnly, err := unix.IoctlGetInt(int(f.Fd()), unix.BLKROGET)
	return err == nil && readOnly != 0
}

// sectorSize returns the logical sector size of the block device, in bytes.
func sectorSize(f *os.File) (int64, error) {
	size, err := unix.IoctlGetInt(int(f.Fd()), unix.BLKSSZGET)
	return int64(size), err
}

// punchHole turns n bytes at off of a regular file into a hole, which reads as zeros.
func punchHole(f *os.File, off, n int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
}

const blkZeroOut = 0x127f // BLKZEROOUT of linux/fs.h

// zeroOut has the kernel fill n bytes at off of a block device with zeros.
func zeroOut(f *os.File, off, n int64) error {
	part := [2]uint64{uint64(off), uint64(n)}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), blkZeroOut, uintptr(unsafe.Pointer(&part))); errno != 0 {
		return errno
	}
	return nil
}

// dropCached asks the kernel to drop n bytes at off of the file from the page cache.
func dropCached(f *os.File, off, n int64) { unix.Fadvise(int(f.Fd()), off, n, unix.FADV_DONTNEED) }
