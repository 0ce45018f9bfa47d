package engine

import (
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/web"
)

// canUse returns an error unless the port or power driver of a program may be used, as far as it is a socket of the
// station.
func (g *grants) canUse(spec string) error {
	if path := socketOf(spec); path != "" {
		return g.canConnect(path)
	}
	return nil
}

// canReadImage returns an error unless an image may be read. What comes from the web or by the standard input may be.
func (g *grants) canReadImage(from string) error {
	if from == "" || from == image.Stdin || web.IsURL(from) {
		return nil
	}
	return g.canRead(from)
}

// canWriteMedium returns an error unless the medium at path may be written. What is neither a block device nor a file is left
// to what opens it.
func (g *grants) canWriteMedium(path string) error {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return nil
	}
	return g.canWrite(path)
}

// canFlash returns an error unless all files of a job and its policy may be read, and its sockets connected to.
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
	}
	for _, spec := range []string{j.Port, j.Power} {
		if err := g.canUse(spec); err != nil {
			return err
		}
	}
	return nil
}

// socketOf is the path of the socket that a console port or power driver connects to, "" if it is none.
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
