// Package flashtest provides faulty media for tests: files of a FUSE file system, which can back a loop device and
// whose reads and writes a test controls. It owns the part of the FUSE protocol that a medium needs.
package flashtest

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// Medium is a faulty medium. Its fields must not change after Mount, except Path, which Mount sets.
type Medium struct {
	Size       int64
	Real       int64                                   // the real size: addresses after it wrap around to the begin; 0 is Size
	Before     func(write bool, off int64, length int) // called before each read and write, which wait for it; may be nil
	Spoil      func(p []byte, off int64)               // changes the data of a write; may be nil
	Unreadable func(off int64, length int) bool        // reports whether a read fails; may be nil
	Path       string                                  // of the medium, set by Mount

	dir     string
	fd      int
	content *os.File
	ended   sync.WaitGroup
}

const (
	maxWrite = 1 << 20
	fileNode = 2

	opLookup, opForget, opGetattr, opSetattr, opOpen, opRead, opWrite = 1, 2, 3, 4, 14, 15, 16
	opRelease, opFsync, opFlush, opInit, opInterrupt, opBatchForget   = 18, 20, 25, 26, 36, 42
)

// Mount mounts the medium below dir. It is full of 0xff, or of zeros that take no space. It needs the privilege to
// mount.
func (m *Medium) Mount(dir string, full bool) (err error) {
	m.dir = filepath.Join(dir, "bad")
	m.Path = filepath.Join(m.dir, "medium")
	if m.Real == 0 {
		m.Real = m.Size
	}
	if err := os.Mkdir(m.dir, 0o700); err != nil {
		return err
	}
	if m.content, err = os.Create(filepath.Join(dir, "content")); err != nil {
		return err
	}
	if err := m.content.Truncate(m.Real); err != nil {
		return err
	}
	ff := make([]byte, maxWrite)
	for i := range ff {
		ff[i] = 0xff
	}
	for off := int64(0); full && off < m.Real; off += maxWrite {
		if _, err := m.content.WriteAt(ff[:min(maxWrite, m.Real-off)], off); err != nil {
			return err
		}
	}
	if m.fd, err = unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("/dev/fuse: %w", err)
	}
	if err := unix.Mount("flashtest", m.dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", m.fd)); err != nil {
		unix.Close(m.fd)
		return fmt.Errorf("mount: %w", err)
	}
	m.ended.Go(m.serve)
	return m.unpoll()
}

// unpoll makes the kernel learn that this file system has no poll. Otherwise the Go runtime would call it on a
// file that it opens, and hang.
func (m *Medium) unpoll() error {
	fd, err := unix.Open(m.Path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return err
}

// Unmount unmounts the medium, also while it is in use.
func (m *Medium) Unmount() error {
	err := unix.Unmount(m.dir, unix.MNT_FORCE|unix.MNT_DETACH)
	m.ended.Wait()
	unix.Close(m.fd)
	m.content.Close()
	return err
}

// Content returns the file with the real content.
func (m *Medium) Content() *os.File { return m.content }

func (m *Medium) serve() {
	buf := make([]byte, maxWrite+8192)
	for {
		n, err := unix.Read(m.fd, buf)
		switch {
		case err == unix.EINTR, err == unix.EAGAIN, err == unix.ENOENT:
			continue
		case err != nil: // unmounted
			return
		}
		request := append([]byte(nil), buf[:n]...)
		go m.answer(request)
	}
}

var le = binary.LittleEndian

func (m *Medium) answer(request []byte) {
	op, node, in := le.Uint32(request[4:]), le.Uint64(request[16:]), request[40:]
	var out []byte
	errno := unix.Errno(0)
	switch op {
	case opForget, opBatchForget, opInterrupt:
		return
	case opInit:
		out = make([]byte, 64)
		le.PutUint32(out, 7)
		le.PutUint32(out[4:], 31)
		le.PutUint32(out[8:], maxWrite)
		le.PutUint32(out[12:], 1|1<<5|1<<22) // FUSE_ASYNC_READ, FUSE_BIG_WRITES, FUSE_MAX_PAGES
		le.PutUint16(out[16:], 64)
		le.PutUint16(out[18:], 48)
		le.PutUint32(out[20:], maxWrite)
		le.PutUint32(out[24:], 1)
		le.PutUint16(out[28:], maxWrite/4096)
	case opLookup:
		if string(in) != "medium\x00" {
			errno = unix.ENOENT
			break
		}
		out = append(le.AppendUint64(nil, fileNode), make([]byte, 32)...)
		out = append(out, m.attr(fileNode)...)
	case opGetattr, opSetattr: // the size does not change
		out = append(make([]byte, 16), m.attr(node)...)
	case opOpen:
		out = make([]byte, 16)
		le.PutUint32(out[8:], 1) // FOPEN_DIRECT_IO: no cache
	case opRead:
		if m.Unreadable != nil && m.Unreadable(int64(le.Uint64(in[8:])), int(le.Uint32(in[16:]))) {
			errno = unix.EIO
			break
		}
		out, errno = m.read(int64(le.Uint64(in[8:])), int(le.Uint32(in[16:])))
	case opWrite:
		n := le.Uint32(in[16:])
		errno = m.write(in[40:40+n], int64(le.Uint64(in[8:])))
		out = le.AppendUint32(nil, n)
		out = append(out, 0, 0, 0, 0)
	case opRelease, opFsync, opFlush:
	default:
		errno = unix.ENOSYS
	}
	if errno != 0 {
		out = nil
	}
	reply := le.AppendUint32(nil, uint32(16+len(out)))
	reply = le.AppendUint32(reply, uint32(-int32(errno)))
	reply = append(reply, request[8:16]...)
	unix.Write(m.fd, append(reply, out...)) // fails if the process that made the request is gone
}

func (m *Medium) attr(node uint64) []byte {
	a := make([]byte, 88)
	le.PutUint64(a, node)
	mode := uint32(unix.S_IFDIR | 0o700)
	if node == fileNode {
		mode = unix.S_IFREG | 0o600
		le.PutUint64(a[8:], uint64(m.Size))
	}
	le.PutUint32(a[60:], mode)
	le.PutUint32(a[64:], 1)
	le.PutUint32(a[80:], 4096)
	return a
}

func (m *Medium) read(off int64, n int) ([]byte, unix.Errno) {
	if m.Before != nil {
		m.Before(false, off, n)
	}
	p := make([]byte, max(min(int64(n), m.Size-off), 0))
	err := m.parts(p, off, func(p []byte, at int64) error {
		_, err := m.content.ReadAt(p, at)
		return err
	})
	return p, failed(err)
}

func (m *Medium) write(p []byte, off int64) unix.Errno {
	if m.Before != nil {
		m.Before(true, off, len(p))
	}
	if off+int64(len(p)) > m.Size {
		return unix.ENOSPC
	}
	if m.Spoil != nil {
		m.Spoil(p, off)
	}
	return failed(m.parts(p, off, func(p []byte, at int64) error {
		_, err := m.content.WriteAt(p, at)
		return err
	}))
}

// parts calls do for each part of the content that a part of the medium stands for.
func (m *Medium) parts(p []byte, off int64, do func(p []byte, at int64) error) error {
	for len(p) > 0 {
		at := off % m.Real
		n := min(int64(len(p)), m.Real-at)
		if err := do(p[:n], at); err != nil {
			return err
		}
		p, off = p[n:], off+n
	}
	return nil
}

func failed(err error) unix.Errno {
	if err != nil {
		return unix.EIO
	}
	return 0
}
