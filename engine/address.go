package engine

import (
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/web"
)

// address is where an image comes from: a file, a web address, or the standard input. It may contain a password;
// String returns it without.
type address string

// String returns the address without user, password and query.
func (a address) String() string { return web.Mask(string(a)) }

// isURL reports whether the image is downloaded.
func (a address) isURL() bool { return web.IsURL(string(a)) }

// isStdin reports whether the image is read from the standard input.
func (a address) isStdin() bool { return a == image.Stdin }
