package qemu

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/testdata/built"
)

const (
	localSize   = 512 << 20
	localWanted = 0.7 // of the time that others take for writing and reading back
)

// BenchmarkLocal writes an image to a medium of this machine.
func BenchmarkLocal(b *testing.B) {
	im := newScattered(b, localSize).pack(b)
	built.Program(b) // is built before a side is timed
	b.Run("blank", func(b *testing.B) { blankMedium(b, im) })
	b.Run("reflash", func(b *testing.B) { reflash(b, im) })
}

// blankMedium compares on a medium that has nothing of the image.
func blankMedium(b *testing.B, im *scattered) {
	const what = "write and verify 512 MiB"
	device, err := loopDevice(b, im.size)
	if err != nil {
		leaveOut(b, what, err)
	}
	whole := extent{0, im.size}
	fill := func(r io.Reader) func() error { return func() error { return overwrite(device, r, im.size) } }
	readAll := fmt.Sprintf("dd if=%s bs=4M count=%d iflag=direct | sha256sum", device, im.size>>22)
	sides := []side{
		{"flashlua write", func() (float64, error) { return writeOurs(b, fill(ones{}), device, im, nil) }},
		{"xzcat | dd, sha256sum", func() (float64, error) {
			return oneWrite(fill(ones{}), func() error { return scripted(im.sum, writeDD(im, device)+"; "+readAll) }, device, im, whole)
		}},
	}
	mapped, unmapped := makeMap(b, im)
	if unmapped == nil {
		copied := fmt.Sprintf("bmaptool -q copy --bmap %s %s %s; ", mapped.path, im.packed, device)
		// It does not write where the image has no data, so that only a medium of zeros holds all of the image
		// afterwards.
		sides = append(sides, side{"bmaptool, sha256sum", func() (float64, error) {
			return oneWrite(fill(zeros{}), func() error { return scripted(im.sum, copied+readAll) }, device, im, whole)
		}}, side{"bmaptool, sha256sum of the mapped ranges", func() (float64, error) {
			return oneWrite(fill(ones{}), func() error { return scripted(mapped.sum, copied+readMapped(device, im.data)) }, device, im, im.data...)
		}})
	}
	medians, err := race(b, rounds(b), "s", sides...)
	must(b, err)
	compare(b, what+" compared with xzcat, dd, sha256sum", "s", medians[0], medians[1], localWanted)
	if unmapped == nil {
		compare(b, what+" compared with bmaptool, sha256sum", "s", medians[0], medians[2], localWanted)
		compare(b, what+" compared with bmaptool, sha256sum, which leave the zeros alone", "s", medians[0], medians[3], 0)
	} else {
		leftOut(what+" compared with bmaptool", unmapped)
	}
	b.ReportMetric(0, "ns/op")
}

// blockMap is the map that bmaptool reads.
type blockMap struct {
	path string
	sum  string // of what is mapped
}

func makeMap(b *testing.B, im *scattered) (blockMap, error) {
	m := blockMap{filepath.Join(b.TempDir(), "image.bmap"), im.digest(b, im.data...)}
	_, err := output(exec.Command("bmaptool", "-q", "create", "-o", m.path, im.raw))
	return m, err
}

// oneWrite prepares the medium, times a write, and checks what is there.
func oneWrite(fill, write func() error, device string, im *scattered, ranges ...extent) (float64, error) {
	if err := fill(); err != nil {
		return 0, err
	}
	took, err := timed(write)
	if err != nil {
		return 0, err
	}
	return took, holds(device, im.raw, ranges...)
}

// writeOurs is oneWrite of the binary, through slow if there is one.
func writeOurs(b *testing.B, fill func() error, device string, im *scattered, slow func(*exec.Cmd) *exec.Cmd) (float64, error) {
	cmd := exec.Command(built.Program(b), "write", "--image", im.packed, "--to", device)
	remove, err := cold(cmd)
	if err != nil {
		return 0, err
	}
	defer remove() // which is not timed
	if slow != nil {
		cmd = slow(cmd)
	}
	write := func() error {
		_, err := output(cmd)
		return err
	}
	return oneWrite(fill, write, device, im, extent{0, im.size})
}

// writeDD is the usual command.
func writeDD(im *scattered, device string) string {
	return fmt.Sprintf("xzcat %s | dd bs=4M oflag=direct of=%s", im.packed, device)
}

// scripted runs a script that must print a digest.
func scripted(sum, script string) error {
	out, err := output(exec.Command("bash", "-ec", "set -o pipefail; "+script))
	if err == nil && !strings.Contains(out, sum) {
		err = fmt.Errorf("the medium does not hold the image: %s", out)
	}
	return err
}

// readMapped is a script that reads ranges past the cache and prints the digest of all of them.
func readMapped(device string, ranges []extent) string {
	var s strings.Builder
	for _, e := range ranges {
		fmt.Fprintf(&s, "dd if=%s bs=4M iflag=direct,skip_bytes,count_bytes skip=%d count=%d status=none; ", device, e.at, e.size)
	}
	return "{ " + s.String() + "} | sha256sum"
}
