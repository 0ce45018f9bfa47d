package image

import "github.com/flashlua/flashlua/engine/internal/web"

// Ref is the address of an image: a path, a URL, or Stdin. It may contain a password; String does not return it.
type Ref string

// Stdin is the image on standard input.
const Stdin = "-"

// String returns the address without secrets. All messages use it.
func (r Ref) String() string { return web.Mask(string(r)) }

// CheckExists returns an error if there is certainly no image at r. It does not read it.
func (r Ref) CheckExists() error {
	if web.IsURL(string(r)) || r == Stdin {
		return nil
	}
	src, err := openLocal(r)
	if err == nil {
		err = src.Close()
	}
	return err
}

// IsURL reports whether the image is downloaded.
func (r Ref) IsURL() bool { return web.IsURL(string(r)) }

// IsStdin reports whether the image is read from the standard input.
func (r Ref) IsStdin() bool { return r == Stdin }
