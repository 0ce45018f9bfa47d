package flash

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/engine/input"
)

// sysfs is the directory in which the kernel describes the block devices of the station, "/sys".
type sysfs string

// maxNesting bounds how many loop devices and mapped devices are stacked.
const maxNesting = 16

// dir returns the directory of a block device by its number, "" if there is none.
func (s sysfs) dir(device uint64) string {
	dir, err := filepath.EvalSymlinks(filepath.Join(string(s), "dev/block", fmt.Sprintf("%d:%d", unix.Major(device), unix.Minor(device))))
	if err != nil {
		return ""
	}
	return dir
}

// extents returns where a block device or a regular file lies. With underlying set, it also returns the extents
// that reading it depends on: of the file system that holds the file, or of the file that backs a loop device.
func (s sysfs) extents(file os.FileInfo, underlying bool) []Extent {
	st, ok := file.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return nil
	case st.Mode&unix.S_IFMT == unix.S_IFBLK:
		return s.device(s.dir(uint64(st.Rdev)), underlying, maxNesting)
	}
	return s.file(st, 0, math.MaxInt64, underlying, maxNesting)
}

// fileID returns the Disk of an extent of a file. A file is identified by device and inode, because it may have
// several names.
func fileID(device, inode uint64) string {
	return fmt.Sprintf("%s%d:%d:%d", fileDisk, unix.Major(device), unix.Minor(device), inode)
}

// file returns where length bytes of a regular file lie.
func (s sysfs) file(st *syscall.Stat_t, first, length int64, underlying bool, depth int) []Extent {
	all := []Extent{{Disk: fileID(uint64(st.Dev), st.Ino), First: first, Length: length}}
	if underlying {
		all = append(all, s.device(s.dir(uint64(st.Dev)), underlying, depth-1)...)
	}
	return all
}

// maxFact is the largest file of /proc and /sys that is read, in bytes.
const maxFact = 4 << 20

// device returns where a block device lies, given its directory in sysfs: a partition in its disk, a loop device in
// its file.
func (s sysfs) device(dir string, underlying bool, depth int) []Extent {
	if dir == "" || depth == 0 {
		return nil
	}
	size := s.number(dir, "size") * 512
	if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
		return within(s.device(filepath.Dir(dir), underlying, depth-1), s.number(dir, "start")*512, size)
	}
	if path, err := input.Read(filepath.Join(dir, "loop/backing_file"), maxFact); err == nil {
		return s.loop(strings.TrimSuffix(string(path), "\n"), s.number(dir, "loop/offset"), size, underlying, depth)
	}
	disk := s.text(dir, "dev")
	if disk == "" { // the device is gone
		return nil
	}
	all := []Extent{{Disk: disk, Length: size}}
	slaves, _ := filepath.Glob(filepath.Join(dir, "slaves/*"))
	for _, link := range slaves {
		slave, err := filepath.EvalSymlinks(link)
		if err != nil {
			continue
		}
		for _, e := range s.device(slave, underlying, depth-1) {
			e.mapped = disk
			all = append(all, e)
		}
	}
	return all
}

// loop returns where a loop device lies that a file backs.
func (s sysfs) loop(path string, offset, size int64, underlying bool, depth int) []Extent {
	file, err := os.Stat(path)
	if err != nil { // it is deleted, or in another mount namespace
		return []Extent{{Disk: fileDisk + path, First: offset, Length: size}}
	}
	st, ok := file.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return nil
	case st.Mode&unix.S_IFMT == unix.S_IFBLK:
		return within(s.device(s.dir(uint64(st.Rdev)), underlying, depth-1), offset, size)
	}
	return s.file(st, offset, size, underlying, depth)
}

// within returns where a part of a device lies. The first extent is the device's own. Of the others, which
// underlie it, it is not known which bytes belong to the part.
func within(whole []Extent, first, length int64) []Extent {
	if len(whole) > 0 {
		whole[0].First += first
		whole[0].Length = length
	}
	return whole
}

// number returns the number in one of a device's files, 0 if there is none.
func (s sysfs) number(dir, name string) int64 {
	n, _ := strconv.ParseInt(s.text(dir, name), 10, 64)
	return n
}

func (s sysfs) text(dir, name string) string {
	text, _ := input.Read(filepath.Join(dir, name), maxFact)
	return strings.TrimSpace(string(text))
}

// uses returns the mounts and swap areas that share storage with target, for people.
func (s sysfs) uses(target []Extent) (where []string) {
	found := map[string]bool{} // many mounts, few devices
	inPlace := func(dir string) bool {
		if _, ok := found[dir]; !ok {
			_, found[dir] = overlap(target, s.device(dir, false, maxNesting))
		}
		return found[dir]
	}
	deviceOf := func(path string) string {
		var st unix.Stat_t
		if unix.Stat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
			return ""
		}
		return s.dir(uint64(st.Rdev))
	}
	mounts, _ := input.Read("/proc/self/mountinfo", maxFact)
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		dir, err := filepath.EvalSymlinks(filepath.Join(string(s), "dev/block", f[2]))
		if _, source, ok := strings.Cut(line, " - "); err != nil && ok { // the number of a file system on several devices is not that of a device
			if f := strings.Fields(source); len(f) > 1 {
				dir = deviceOf(f[1])
			}
		}
		if inPlace(dir) {
			where = append(where, "mounted at "+f[4])
		}
	}
	swaps, _ := input.Read("/proc/swaps", maxFact)
	for line := range strings.Lines(string(swaps)) {
		if f := strings.Fields(line); len(f) > 0 && inPlace(deviceOf(f[0])) {
			where = append(where, f[0]+" is swap")
		}
	}
	return where
}

// removable reports whether sysfs describes a device as one that can be taken out: a card, a USB device, a loop
// device.
func (s sysfs) removable(file os.FileInfo) bool {
	st, ok := file.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	dir := s.dir(uint64(st.Rdev))
	for _, bus := range []string{"/usb", "/mmc_host/", "/virtual/block/loop"} {
		if strings.Contains(dir, bus) {
			return true
		}
	}
	for _, dir := range []string{dir, filepath.Dir(dir)} { // of a partition, its disk
		if s.text(dir, "removable") == "1" {
			return true
		}
	}
	return false
}
