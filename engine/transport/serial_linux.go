package transport

import "golang.org/x/sys/unix"

// checkSerialSupport returns an error where serial ports of the station cannot be opened. On Linux they can.
func checkSerialSupport() error { return nil }

// isTerminal reports whether fd is a terminal device.
func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}

// isExclusive reports whether the terminal is in exclusive mode, in which the kernel refuses further opens, except
// root's.
func isExclusive(fd int) bool {
	exclusive, err := unix.IoctlGetInt(fd, unix.TIOCGEXCL)
	return err == nil && exclusive != 0
}

// clearExclusive ends the exclusive mode of a terminal.
func clearExclusive(fd int) { unix.IoctlSetInt(fd, unix.TIOCNXCL, 0) }

// configureTerminal sets the flow control ("rtscts", "xonxoff" or none), and keeps DTR and RTS when the port is
// closed.
func configureTerminal(fd int, flow string) error {
	mode, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
	if err != nil {
		return err
	}
	mode.Cflag &^= unix.HUPCL
	switch flow {
	case "rtscts":
		mode.Cflag |= unix.CRTSCTS
	case "xonxoff":
		mode.Iflag |= unix.IXON | unix.IXOFF
	}
	return unix.IoctlSetTermios(fd, unix.TCSETS2, mode)
}
