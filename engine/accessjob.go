package engine

import (
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/engine/internal/image"
)

// canUse returns an error if a console port or power driver is a socket of the station that may not be connected
// to.
func (g *grants) canUse(spec string) error {
	if path := socketOf(spec); path != "" {
		return g.canConnect(path)
	}
	return nil
}

// canReadImage returns an error unless an image may be read. Downloads and the standard input are allowed.
func (g *grants) canReadImage(from string) error {
	if a := image.Ref(from); a == "" || a.IsStdin() || a.IsURL() {
		return nil
	}
	return g.canRead(from)
}

// canWriteMedium returns an error if path is a file that may not be written. Block devices are allowed; the
// function that opens the medium refuses the rest.
func (g *grants) canWriteMedium(path string) error {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return nil
	}
	return g.canWrite(path)
}

// canFlash returns an error unless all files of a job and its policy may be read, and its sockets may be connected
// to.
func (g *grants) canFlash(p *Policy, j Job) error {
	for _, part := range j.parts() {
		if err := g.canReadImage(part.Image); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		if err := g.canRead(j.file(p, name)); err != nil {
			return err
		}
		if path := j.appended(p, name); path != "" {
			if err := g.canRead(path); err != nil {
				return err
			}
		}
	}
	for _, spec := range j.Connections() {
		if err := g.canUse(spec); err != nil {
			return err
		}
	}
	return nil
}

// socketOf returns the path of the socket to which a console port or power driver connects, "" if it uses none.
func socketOf(spec string) string {
	scheme, address, _ := strings.Cut(spec, ":")
	switch {
	case scheme == "unix":
		return address
	case scheme == "qmp" && (strings.Contains(address, "/") || !strings.Contains(address, ":")):
		return address
	}
	return ""
}
