package image

import "golang.org/x/sys/unix"

// openUnnamed creates a file without a name on the file system of dir and returns its descriptor. The kernel frees
// the file when it is closed; until then it can be linked to a name.
func openUnnamed(dir string) (fd int, err error) {
	return unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
}
