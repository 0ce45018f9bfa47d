package transport

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/classify/suggest"
)

// WithScheme returns the specification of a port with its scheme: the absolute path of a character device, or of
// anything in /dev, is a serial port. It returns other texts unchanged. All functions of this package take the bare
// path too; a program that shows or compares specifications calls WithScheme first.
func WithScheme(spec string) string {
	if !filepath.IsAbs(spec) {
		return spec
	}
	if st, err := os.Stat(spec); err == nil && st.Mode()&os.ModeCharDevice != 0 || err != nil && strings.HasPrefix(spec, "/dev/") {
		return "serial:" + spec
	}
	return spec
}

// meantPort returns the specification that a wrong one was likely meant to be, "" if there is none.
func meantPort(spec string) string {
	name, address, _ := strings.Cut(spec, ":")
	if _, known := schemes[name]; known {
		return ""
	}
	if isHostPort(spec) {
		return "tcp:" + spec
	}
	if st, err := os.Stat(spec); err == nil && st.Mode()&os.ModeSocket != 0 {
		return "unix:" + spec
	}
	if device := "/dev/" + spec; strings.HasPrefix(spec, "tty") && !strings.Contains(spec, ":") {
		return "serial:" + device
	}
	if scheme := suggest.Closest(name, append(slices.Sorted(maps.Keys(schemes)), strings.TrimSuffix(SimulatedScheme, ":"))); scheme != "" && address != "" {
		return scheme + ":" + address
	}
	return ""
}

// isHostPort reports whether text is HOST:PORT with a number as the port.
func isHostPort(text string) bool {
	host, port, err := net.SplitHostPort(text)
	n, nerr := strconv.ParseUint(port, 10, 16)
	return err == nil && nerr == nil && n > 0 && host != "" && !strings.ContainsAny(host, " /@")
}
