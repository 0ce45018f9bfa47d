package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/uimage"
)

// UImage describes the header of a legacy uImage, as mkimage does. Plain data: safe for concurrent use while nothing
// changes it.
type UImage struct {
	Arch        string // "arm", for example
	Type        string // "kernel", for example
	Compression string // of the file, which is not unpacked: "none", for example
	Load, Entry uint64 // addresses to which U-Boot moves the data, and where it begins; at most 32 bits
	Name        string // at most 32 bytes
}

// Check returns an error if a field is not valid. The error begins with the name of the field.
func (u UImage) Check() error {
	for _, f := range []struct {
		name, value string
		known       map[string]uint8
	}{{"arch", u.Arch, uimage.Arches}, {"type", u.Type, uimage.Types}, {"compression", u.Compression, uimage.Compressions}} {
		if _, ok := f.known[f.value]; !ok {
			return fmt.Errorf("%s must be one of %s, not %q", f.name, strings.Join(slices.Sorted(maps.Keys(f.known)), ", "), f.value)
		}
	}
	switch {
	case u.Load > math.MaxUint32:
		return fmt.Errorf("load is %#x: a uImage holds addresses of 32 bits", u.Load)
	case u.Entry > math.MaxUint32:
		return fmt.Errorf("entry is %#x: a uImage holds addresses of 32 bits", u.Entry)
	case len(u.Name) > uimage.NameSize:
		return fmt.Errorf("name %q is longer than %d bytes", u.Name, uimage.NameSize)
	}
	return nil
}

func (u UImage) header() uimage.Header {
	return uimage.Header{
		Arch: uimage.Arches[u.Arch], Type: uimage.Types[u.Type], Compression: uimage.Compressions[u.Compression],
		Load: uint32(u.Load), Entry: uint32(u.Entry), Name: u.Name,
	}
}

// HeaderSize returns how many bytes stand before the content of the file when U-Boot loads it.
func (f File) HeaderSize() int64 {
	if f.UImage == nil {
		return 0
	}
	return uimage.HeaderSize
}

// isBuilt reports whether the board loads something else than the file at Path.
func (f File) isBuilt() bool { return f.UImage != nil || f.Append != "" }

// build writes what the board loads of a file to out: the header, the file, and the one that is appended. It returns
// the size.
func (f bootFile) build(out *os.File, allowed *grants) (int64, error) {
	if _, err := out.Seek(f.HeaderSize(), io.SeekStart); err != nil {
		return 0, err
	}
	crc, size := crc32.NewIEEE(), int64(0)
	for _, path := range []string{f.Path, f.Append} {
		if path == "" {
			continue
		}
		n, err := f.add(io.MultiWriter(out, crc), path, allowed)
		if err != nil {
			return 0, err
		}
		size += n
	}
	if f.UImage == nil {
		return size, nil
	}
	if size > uimage.MaxData {
		return 0, classify.New(classify.ConfigPolicy, "files.%s has %d bytes: a uImage has at most %d", f.name, size, int64(uimage.MaxData))
	}
	_, err := out.WriteAt(f.UImage.header().Encode(uint32(size), crc.Sum32()), 0)
	return f.HeaderSize() + size, err
}

// add appends the content of a file of the station.
func (f bootFile) add(to io.Writer, path string, allowed *grants) (int64, error) {
	in, err := allowed.open(path)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	first := make([]byte, 4)
	if _, err := in.ReadAt(first, 0); path == f.Path && f.UImage != nil && err == nil && binary.BigEndian.Uint32(first) == uimage.Magic {
		return 0, classify.WithHint(classify.New(classify.ConfigPolicy, "files.%s: %s is a uImage already", f.name, path), "leave out uimage, or name the kernel that is in it")
	}
	return io.Copy(to, in)
}

// open opens what the board loads of a file: the file itself, or an unnamed file that is built for it.
func (f *bootFile) open(allowed *grants) (*os.File, error) {
	if !f.isBuilt() {
		return allowed.open(f.Path)
	}
	out, err := os.CreateTemp("", "flashlua-boot-")
	if err != nil {
		return nil, classify.WithHint(classify.Wrap(err, classify.ConfigPlan, "files.%s cannot be built", f.name), "check the directory for temporary files, TMPDIR")
	}
	err = os.Remove(out.Name())
	if err == nil {
		f.size, err = f.build(out, allowed)
	}
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return out, nil
}
