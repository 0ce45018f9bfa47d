package engine

import (
	"fmt"
	"os"
)

// descriptorPath returns the path of an open file as the kernel knows it now.
func descriptorPath(fd uintptr) (string, error) {
	return os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
}
