package linux

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// treeLimit is how much the board's RAM disk holds.
const treeLimit = 64 << 20

// fileLimit is the end of the largest file, most of which is a hole: the table of its pieces takes memory as well.
const fileLimit = 1 << 30

// maxLinks is how many symbolic links a path may go through.
const maxLinks = 40

// tree is a file system in memory.
type tree struct {
	mu   sync.Mutex // guards what follows
	root *node
	used int64
	inos uint64
	now  func() time.Time
}

// node is a file of any kind. tree.mu guards its fields.
type node struct {
	ino    uint64
	mode   fs.FileMode
	mtime  time.Time
	major  int
	minor  int
	links  map[string]*node // of a directory
	target string           // of a symbolic link
	data   content          // of a regular file
	text   func() string    // the content of a file of /proc or /sys
	store  func(string) error
	dev    device // of a device
}

func newTree(now func() time.Time) *tree {
	t := &tree{now: now}
	t.root = t.node(fs.ModeDir | 0o755)
	return t
}

func (t *tree) node(mode fs.FileMode) *node {
	t.inos++
	n := &node{ino: t.inos, mode: mode, mtime: t.now()}
	if mode.IsDir() {
		n.links = map[string]*node{}
	}
	return n
}

// split cuts a clean absolute path into its names.
func split(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
}

// walk resolves a path: the directory that holds it, its name there, and itself, nil when it does not exist.
// follow says whether a symbolic link at the end is followed.
func (t *tree) walk(p string, follow bool) (dir *node, name string, n *node, err error) {
	return t.from(t.root, nil, p, follow, 0)
}

func (t *tree) from(start *node, trail []*node, p string, follow bool, depth int) (dir *node, name string, n *node, err error) {
	if depth > maxLinks {
		return nil, "", nil, syscall.ELOOP
	}
	if p == "" {
		return nil, "", nil, syscall.ENOENT
	}
	n, dir = start, start
	if strings.HasPrefix(p, "/") {
		n, dir, trail = t.root, t.root, nil
	}
	names := split(p)
	for i, part := range names {
		if n == nil {
			return nil, "", nil, syscall.ENOENT
		}
		if !n.mode.IsDir() {
			return nil, "", nil, syscall.ENOTDIR
		}
		if len(part) > 255 {
			return nil, "", nil, syscall.ENAMETOOLONG
		}
		switch part {
		case ".":
			continue
		case "..":
			if len(trail) > 0 {
				n, trail = trail[len(trail)-1], trail[:len(trail)-1]
			}
			dir, name = n, "."
			continue
		}
		last := i == len(names)-1
		dir, name = n, part
		next := n.links[part]
		if next != nil && next.mode&fs.ModeSymlink != 0 && (!last || follow) {
			rest := path.Join(append([]string{next.target}, names[i+1:]...)...)
			return t.from(dir, trail, rest, follow, depth+1)
		}
		trail = append(trail[:len(trail):len(trail)], n)
		n = next
	}
	if n != nil && strings.HasSuffix(p, "/") && !n.mode.IsDir() && n.mode&fs.ModeSymlink == 0 {
		return nil, "", nil, syscall.ENOTDIR
	}
	return dir, name, n, nil
}

// find returns what a path names.
func (t *tree) find(p string, follow bool) (*node, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.findLocked(p, follow)
}

func (t *tree) findLocked(p string, follow bool) (*node, error) {
	_, _, n, err := t.walk(p, follow)
	if err == nil && n == nil {
		err = syscall.ENOENT
	}
	return n, err
}

// put adds a node at a path that does not exist.
func (t *tree) put(p string, make func() *node) (*node, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.putLocked(p, make)
}

func (t *tree) putLocked(p string, make func() *node) (*node, error) {
	dir, name, n, err := t.walk(strings.TrimRight(p, "/"), false)
	switch {
	case err != nil:
		return nil, err
	case n != nil:
		return n, syscall.EEXIST
	case dir.text != nil || dir.mode&0o222 == 0:
		return nil, syscall.EACCES
	}
	n = make()
	dir.links[name] = n
	dir.mtime = t.now()
	return n, nil
}

func (t *tree) mkdir(p string, mode fs.FileMode) error {
	if strings.Trim(p, "/") == "" {
		return syscall.EEXIST
	}
	_, err := t.put(p, func() *node { return t.node(fs.ModeDir | mode) })
	return err
}

// mkdirAll makes a directory and those above it.
func (t *tree) mkdirAll(p string) error {
	at := ""
	for _, name := range split(p) {
		at += "/" + name
		if err := t.mkdir(at, 0o755); err != nil && err != syscall.EEXIST {
			return err
		}
		if n, err := t.find(at, true); err != nil || !n.mode.IsDir() {
			return syscall.ENOTDIR
		}
	}
	return nil
}

func (t *tree) symlink(target, p string) error {
	_, err := t.put(p, func() *node {
		n := t.node(fs.ModeSymlink | 0o777)
		n.target = target
		return n
	})
	return err
}

// link adds a second name of a file.
func (t *tree) link(old, p string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.findLocked(old, false)
	if err != nil {
		return err
	}
	if n.mode.IsDir() {
		return syscall.EPERM
	}
	_, err = t.putLocked(p, func() *node { return n })
	return err
}

// kernel reports whether a directory belongs to the kernel: nothing in it can be removed.
func (n *node) kernel() bool { return n.mode.IsDir() && n.mode&0o222 == 0 || n.text != nil }

// remove removes a name. dir says whether it must be a directory.
func (t *tree) remove(p string, dir bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, name, n, err := t.walk(strings.TrimRight(p, "/"), false)
	switch {
	case err != nil:
		return err
	case n == nil:
		return syscall.ENOENT
	case n == t.root || name == ".":
		return syscall.EBUSY
	case at.kernel() || n.kernel():
		return syscall.EPERM
	case n.mode.IsDir() && !dir:
		return syscall.EISDIR
	case !n.mode.IsDir() && dir:
		return syscall.ENOTDIR
	case len(n.links) > 0:
		return syscall.ENOTEMPTY
	}
	delete(at.links, name)
	at.mtime = t.now()
	t.forget(n)
	return nil
}

// forget frees what a file holds when it has no name any more. A file that is still open reads as empty.
func (t *tree) forget(n *node) {
	if n.mode.IsRegular() && !t.named(t.root, n) {
		t.used -= n.data.truncate(0)
	}
}

func (t *tree) named(dir, n *node) bool {
	for _, child := range dir.links {
		if child == n || child.mode.IsDir() && t.named(child, n) {
			return true
		}
	}
	return false
}

// names lists a directory in order.
func (t *tree) names(p string) ([]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.findLocked(p, true)
	if err != nil {
		return nil, err
	}
	if !n.mode.IsDir() {
		return nil, syscall.ENOTDIR
	}
	list := make([]string, 0, len(n.links))
	for name := range n.links {
		list = append(list, name)
	}
	slices.Sort(list)
	return list, nil
}

// resolve returns the path without links of p, whose last part may be missing.
func (t *tree) resolve(p string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	done := ""
	rest := split(p)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case ".":
			continue
		case "..":
			done = path.Dir("/" + done)
			if done == "/" {
				done = ""
			}
			continue
		}
		_, _, n, err := t.walk(done+"/"+name, false)
		switch {
		case err != nil:
			return "", err
		case n == nil && len(rest) > 0:
			return "", syscall.ENOENT
		case n != nil && n.mode&fs.ModeSymlink != 0:
			if links++; links > maxLinks {
				return "", syscall.ELOOP
			}
			if strings.HasPrefix(n.target, "/") {
				done = ""
			}
			rest = append(split(n.target), rest...)
			continue
		}
		done += "/" + name
	}
	if done == "" {
		done = "/"
	}
	return done, nil
}

// info is a node's properties as fs.FileInfo.
type info struct {
	name string
	*node
	size int64
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.mtime }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

// stat returns a file's properties.
func (t *tree) stat(p string, follow bool) (info, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.findLocked(p, follow)
	if err != nil {
		return info{}, err
	}
	return t.info(path.Base(p), n), nil
}

func (t *tree) info(name string, n *node) info {
	c := *n
	i := info{name: name, node: &c}
	switch {
	case n.mode&fs.ModeSymlink != 0:
		i.size = int64(len(n.target))
	case n.mode.IsRegular():
		i.size = n.data.size
	}
	return i
}
