package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks is how many links a path may lead through, as in Linux.
const maxLinks = 40

// realPath returns the absolute path of a file without links, ".." and ".", as the kernel walks it, also of a file that
// is not there. A path that leads through more links than the kernel follows is cut there: it does not open.
func realPath(path string) string {
	if !filepath.IsAbs(path) {
		wd, err := os.Getwd()
		if err != nil {
			wd = "/?" // no path that could be allowed
		}
		path = wd + "/" + path
	}
	dest, links := "/", 0
	for path != "" {
		name, rest, _ := strings.Cut(path, "/")
		path = rest
		switch name {
		case "", ".":
			continue
		case "..":
			dest = filepath.Dir(dest)
			continue
		}
		dest = filepath.Join(dest, name)
		target, err := os.Readlink(dest)
		if err != nil {
			continue
		}
		if links++; links > maxLinks {
			return dest
		}
		if dest = filepath.Dir(dest); filepath.IsAbs(target) {
			dest = "/"
		}
		path = target + "/" + path
	}
	return dest
}

// within reports whether path is one of names, or in a folder of that name.
func within(names []string, path string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return path == name || strings.HasPrefix(path, strings.TrimSuffix(name, "/")+"/")
	})
}
