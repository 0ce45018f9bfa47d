package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks is how many links Linux follows in a path.
const maxLinks = 40

// realPath returns the absolute path of a file without links, ".." and ".", as the kernel resolves it. The file
// need not exist. A path with more links than the kernel follows, which cannot be opened, is resolved up to that
// limit.
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

// within reports whether path is one of names, or in a directory of that name.
func within(names []string, path string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return path == name || strings.HasPrefix(path, strings.TrimSuffix(name, "/")+"/")
	})
}
