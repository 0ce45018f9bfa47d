package qemu

import (
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The medium is as slow as an SD card.
const (
	reflashWrite  = 40_000_000 // bytes a second
	reflashRead   = 160_000_000
	reflashWanted = 0.3 // of the time that others take for writing alone
)

// reflash compares on a slow medium that holds nearly the same image.
func reflash(b *testing.B, im *scattered) {
	what := fmt.Sprintf("reflash 512 MiB, 10 %% of the data new, at %d MB/s, compared with xzcat, dd without proof", reflashWrite/1_000_000)
	device, err := loopDevice(b, im.size)
	if err != nil {
		leaveOut(b, what, err)
	}
	slow, err := throttle(b, device, reflashWrite, reflashRead)
	if err != nil {
		leaveOut(b, what, err)
	}
	older := im.older(b)
	fill := func() error {
		f, err := os.Open(older)
		if err != nil {
			return err
		}
		defer f.Close()
		return overwrite(device, f, im.size)
	}
	whole := extent{0, im.size}
	medians, err := race(b, rounds(b), "s",
		side{"flashlua write", func() (float64, error) { return writeOurs(b, fill, device, im, slow) }},
		side{"xzcat | dd", func() (float64, error) {
			return oneWrite(fill, func() error {
				_, err := output(slow(exec.Command("bash", "-ec", "set -o pipefail; "+writeDD(im, device))))
				return err
			}, device, im, whole)
		}})
	must(b, err)
	compare(b, what, "s", medians[0], medians[1], reflashWanted)
	b.ReportMetric(0, "ns/op")
}

// older makes an earlier version of the image: a tenth of its data differs, in places all over.
func (im *scattered) older(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "older")
	_, err := output(exec.Command("cp", "--sparse=always", im.raw, path))
	must(b, err)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(b, err)
	defer f.Close()
	size := total(im.data)
	changed := within(im.data, scatter(rand.New(rand.NewSource(size)), size, size/10, leastPiece, mostChange))
	for _, e := range changed {
		p := make([]byte, e.size)
		_, err := f.ReadAt(p, e.at)
		must(b, err)
		for i := range p {
			p[i] ^= 0x55
		}
		_, err = f.WriteAt(p, e.at)
		must(b, err)
	}
	must(b, f.Sync())
	b.Logf("%d bytes in %d places are new", total(changed), len(changed))
	return path
}
