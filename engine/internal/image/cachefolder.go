package image

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
)

// imagesFolder is the directory in Cache.Dir that the cache owns. Its number changes with the format of the entries.
const imagesFolder = "flashlua-images-1"

// cacheFile matches the names that the cache creates: of entries, of origins, of either while it is being
// written, and of locks.
var cacheFile = regexp.MustCompile(`^[0-9A-Fa-f]{64}(\.img|\.json|\.from|\.lock|(\.json|\.from)?-[A-Z2-7]{26}\.half)$`)

// images returns the path of the cache's directory.
func (c *Cache) images() string { return filepath.Join(c.Dir, imagesFolder) }

// create creates the cache's directory if it does not exist.
func (c *Cache) create() error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(c.images(), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return c.owned()
}

// owned returns an error if the cache's directory is a link, or belongs neither to this user nor to the owner of
// Dir. In a Dir that all users may write, as /tmp, another user could have put it there.
func (c *Cache) owned() error {
	st, err := os.Lstat(c.images())
	if err != nil {
		return err
	}
	if !st.IsDir() {
		return fmt.Errorf("%s is not a directory", c.images())
	}
	parent, err := os.Stat(c.Dir)
	if err != nil {
		return err
	}
	owner := st.Sys().(*syscall.Stat_t).Uid
	if int(owner) != os.Geteuid() && owner != parent.Sys().(*syscall.Stat_t).Uid {
		return fmt.Errorf("%s belongs to another user, with the number %d", c.images(), owner)
	}
	return nil
}

// files returns the regular files that the cache created.
func (c *Cache) files() []os.DirEntry {
	if c.owned() != nil {
		return nil
	}
	all, _ := os.ReadDir(c.images())
	return slices.DeleteFunc(all, func(f os.DirEntry) bool { return !f.Type().IsRegular() || !cacheFile.MatchString(f.Name()) })
}

// remove removes a file that the cache created. Other names, links and directories stay.
func (c *Cache) remove(name string) {
	path := filepath.Join(c.images(), name)
	if st, err := os.Lstat(path); err == nil && st.Mode().IsRegular() && cacheFile.MatchString(name) && c.owned() == nil {
		os.Remove(path)
	}
}
