package qemu

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const mediumBlock = 1 << 20

// openMedium opens a file without the cache if its file system can.
func openMedium(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, flags|syscall.O_DIRECT, 0)
	if errors.Is(err, syscall.EINVAL) {
		f, err = os.OpenFile(path, flags, 0)
	}
	return f, err
}

// aligned returns memory that is aligned for direct access.
func aligned() ([]byte, func(), error) {
	p, err := unix.Mmap(-1, 0, mediumBlock, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	return p, func() { unix.Munmap(p) }, err
}

// ones is the content of an erased medium.
type ones struct{}

func (ones) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 0xFF
	}
	return len(p), nil
}

// zeros is the content of some new media.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// overwrite writes the first size bytes of content to a medium and syncs it, because what follows is timed.
func overwrite(path string, content io.Reader, size int64) error {
	f, err := openMedium(path, os.O_WRONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	buf, free, err := aligned()
	if err != nil {
		return err
	}
	defer free()
	for at := int64(0); at < size; at += mediumBlock {
		p := buf[:min(mediumBlock, size-at)]
		if _, err := io.ReadFull(content, p); err != nil {
			return err
		}
		if _, err := f.WriteAt(p, at); err != nil {
			return err
		}
	}
	return f.Sync()
}

// holds checks that a medium and a file are the same in these ranges.
func holds(path, file string, ranges ...extent) error {
	medium, err := openMedium(path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer medium.Close()
	want, err := os.Open(file)
	if err != nil {
		return err
	}
	defer want.Close()
	got, free, err := aligned()
	if err != nil {
		return err
	}
	defer free()
	expected := make([]byte, mediumBlock)
	for _, e := range ranges {
		for at := e.at; at < e.at+e.size; at += mediumBlock {
			n := min(mediumBlock, e.at+e.size-at)
			_, err1 := io.ReadFull(io.NewSectionReader(medium, at, n), got[:n])
			_, err2 := io.ReadFull(io.NewSectionReader(want, at, n), expected[:n])
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			if !bytes.Equal(got[:n], expected[:n]) {
				return fmt.Errorf("%s does not hold the image at byte %d or soon after", path, at)
			}
		}
	}
	return nil
}

// loopDevice returns a block device over a file of this machine. It is detached already and disappears when its
// last user closes it, even if this process is killed.
func loopDevice(b *testing.B, size int64) (string, error) {
	path := filepath.Join(b.TempDir(), "medium")
	if err := sparseFile(path, size); err != nil {
		return "", err
	}
	out, err := output(exec.Command("losetup", "--direct-io=on", "--find", "--show", path))
	if err != nil {
		return "", err
	}
	device := strings.TrimSpace(out)
	f, err := os.Open(device)
	if err == nil {
		b.Cleanup(func() { f.Close() })
	}
	_, detached := output(exec.Command("losetup", "--detach", device))
	return device, errors.Join(err, detached)
}
