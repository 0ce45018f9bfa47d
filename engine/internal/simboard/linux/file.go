package linux

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/flashlua/flashlua/engine/bounded"
)

// oDirect is the flag for transfers past the cache; not every system has one.
const oDirect = 1 << 30

// file is an open file. Only Write is safe for concurrent use: both sides of a pipe may print to it.
type file struct {
	t     *tree
	n     *node
	flags int
	print sync.Mutex // held during a Write
	off   int64
	text  []byte // the content of a file of the kernel when it was opened
}

// open opens a file as the system call does.
func (t *tree) open(p string, flags int, mode fs.FileMode) (*file, error) {
	t.mu.Lock()
	n, err := t.findLocked(p, true)
	if err == syscall.ENOENT && flags&os.O_CREATE != 0 && !strings.HasSuffix(p, "/") {
		n, err = t.create(p, mode)
	}
	writing := flags&(os.O_WRONLY|os.O_RDWR) != 0
	switch {
	case err != nil:
	case writing && n.mode.IsDir():
		err = syscall.EISDIR
	case writing && n.text != nil && n.store == nil:
		err = syscall.EACCES
	case flags&os.O_TRUNC != 0 && n.mode.IsRegular() && n.text == nil:
		t.used -= n.data.truncate(0)
		n.mtime = t.now()
	}
	t.mu.Unlock()
	if err != nil {
		return nil, err
	}
	f := &file{t: t, n: n, flags: flags}
	if n.text != nil && !writing {
		f.text = []byte(n.text())
	}
	return f, nil
}

// create makes an empty file at a path, which may be a dangling link.
func (t *tree) create(p string, mode fs.FileMode) (*node, error) {
	for range maxLinks {
		_, _, n, err := t.walk(p, false)
		if err != nil {
			return nil, err
		}
		if n == nil {
			return t.putLocked(p, func() *node { return t.node(mode) })
		}
		if strings.HasPrefix(n.target, "/") {
			p = n.target
		} else {
			p = p[:strings.LastIndex(p, "/")+1] + n.target
		}
	}
	return nil, syscall.ELOOP
}

func (f *file) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.off)
	f.off += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// ReadAt reads at an offset, which a character device ignores.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if f.n.mode.IsDir() {
		return 0, syscall.EISDIR
	}
	if f.n.dev != nil {
		return f.n.dev.readAt(p, off, f.direct())
	}
	if f.n.text != nil {
		if off >= int64(len(f.text)) {
			return 0, io.EOF
		}
		return copy(p, f.text[off:]), nil
	}
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	n := f.n.data.readAt(p, off)
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (f *file) Write(p []byte) (int, error) {
	f.print.Lock()
	defer f.print.Unlock()
	if f.flags&os.O_APPEND != 0 && f.n.mode.IsRegular() {
		f.t.mu.Lock()
		f.off = f.n.data.size
		f.t.mu.Unlock()
	}
	n, err := f.WriteAt(p, f.off)
	f.off += int64(n)
	return n, err
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	switch {
	case f.flags&(os.O_WRONLY|os.O_RDWR) == 0:
		return 0, syscall.EBADF
	case f.n.dev != nil:
		return f.n.dev.writeAt(p, off, f.direct())
	case f.n.store != nil:
		return len(p), f.n.store(strings.TrimSpace(string(p)))
	}
	if end, ok := bounded.Add(off, int64(len(p))); !ok || end > fileLimit {
		return 0, syscall.EFBIG
	}
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	short := error(nil)
	need := f.n.data.need(len(p), off)
	if over := f.t.used + need - treeLimit; over > 0 {
		p, short = p[:max(0, int64(len(p))-over-chunk)], syscall.ENOSPC
		need = f.n.data.need(len(p), off)
	}
	if len(p) > 0 {
		f.t.used += need
		f.n.data.writeAt(p, off)
		f.n.mtime = f.t.now()
	}
	return len(p), short
}

// Seek moves within a file or a disk.
func (f *file) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		off += f.off
	case io.SeekEnd:
		off += f.size()
	}
	if off < 0 {
		return 0, syscall.EINVAL
	}
	f.off = off
	return off, nil
}

// size returns how many bytes there are to read, 0 if that is not known.
func (f *file) size() int64 {
	if f.n.dev != nil {
		return f.n.dev.size()
	}
	if f.n.text != nil {
		return int64(len(f.text))
	}
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	return f.n.data.size
}

// truncate cuts a regular file.
func (f *file) truncate(size int64) {
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	if f.n.mode.IsRegular() && f.n.text == nil {
		f.t.used -= f.n.data.truncate(size)
	}
}

func (f *file) direct() bool { return f.flags&oDirect != 0 }

func (f *file) Close() error { return nil }

// strerror returns an error as the C library prints it.
func strerror(err error) string {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return err.Error()
	}
	s := no.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}
