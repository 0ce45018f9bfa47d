package engine

import (
	"bytes"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxPath is MAXPATHLEN, the size of the buffer that F_GETPATH fills.
const maxPath = 1024

// descriptorPath returns the path of an open file as the kernel knows it now.
func descriptorPath(fd uintptr) (string, error) {
	path := new([maxPath]byte)
	var pin runtime.Pinner // FcntlInt takes an integer, which does not keep the buffer
	pin.Pin(path)
	defer pin.Unpin()
	if _, err := unix.FcntlInt(fd, unix.F_GETPATH, int(uintptr(unsafe.Pointer(path)))); err != nil {
		return "", err
	}
	text, _, _ := bytes.Cut(path[:], []byte{0})
	return string(text), nil
}
