package power

import "golang.org/x/sys/unix"

// discardTyped drops what was typed at a terminal and not read.
func discardTyped(fd int) { unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) }
