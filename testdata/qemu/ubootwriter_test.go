package qemu

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ubootBoards are the U-Boots that Debian serves, each with the media that it can write.
var ubootBoards = []ubootBoard{
	{arch: ARM64, media: []ubootMedium{{"virtio 0", ""}, {"nvme 0", "nvme"}, {"scsi 0", "scsi"}}, image: 24 << 20},
	{arch: ARM64.Of(Trixie), media: []ubootMedium{{"virtio 0", ""}, {"nvme 0", "nvme"}, {"scsi 0", "scsi"}, {"usb 0", "usb"}}},
	{arch: ARM64.Of(Experimental), media: []ubootMedium{{"virtio 0", ""}, {"usb 0", "usb"}}},
	{arch: ARM, media: []ubootMedium{{"virtio 0", ""}, {"nvme 0", "nvme"}}},
	{arch: ARM.Of(Trixie), media: []ubootMedium{{"virtio 0", ""}, {"usb 0", "usb"}}},
	{arch: RISCV64, media: []ubootMedium{{"virtio 0", ""}}},
	{arch: RISCV64.Of(Trixie), media: []ubootMedium{{"virtio 0", ""}, {"nvme 0", "nvme"}, {"usb 0", "usb"}}},
	{arch: X86, media: []ubootMedium{{"virtio 0", ""}, {"nvme 0", "nvme"}}},
	{arch: X86.Of(Trixie), media: []ubootMedium{{"virtio 0", ""}, {"scsi 0", "scsi"}}},
	{arch: OrangePi, media: []ubootMedium{{"mmc 0", ""}, {"usb 0", "usb"}}, image: 2 << 20}, // QEMU's controller is slow
}

// TestUBootWriter has each U-Boot write images of several sizes to each of its media, in one run. Outside, the files of
// the media must hold the images, padded to sectors with zeros, and everything else as it was.
func TestUBootWriter(t *testing.T) {
	const size = 64 << 20 // of each medium
	sizes := []int64{1, 511, 512, 513, 1<<20 + 1}
	for _, b := range ubootBoards {
		t.Run(b.arch.name(), func(t *testing.T) {
			r := b.newRig(t, size)
			want := bytes.Repeat([]byte{unlike}, size)
			var writes []ubootWrite // to each medium
			add := func(image []byte, path string, at int64) {
				clear(want[at : at+(int64(len(image))+511)/512*512])
				copy(want[at:], image)
				writes = append(writes, ubootWrite{offset: at, image: path})
			}
			for i, size := range sizes {
				image := sparse(size, uint64(size))
				add(image, r.write(fmt.Sprintf("%d.raw", size), string(image)), int64(i)<<21+512)
			}
			r.want = sparse(cmp.Or(b.image, 8<<20), 1)
			r.image = r.write("x.raw", string(r.want))
			add(r.want, "", 32<<20+512)

			var all []ubootWrite
			for _, m := range b.media {
				r.fillFile(r.fileOf(m), size)
				for _, w := range writes {
					w.medium = m.uboot
					all = append(all, w)
				}
			}
			code, out, v := r.flash(r.ubootPolicy(ubootWrites(all)))
			r.writtenByUBoot(len(all), code, out, v)
			for _, m := range b.media {
				r.mediumHolds(r.fileOf(m), m.uboot, want)
			}
		})
	}
}

// TestUBootWriterFar has U-Boot write beyond 4 GiB, with addresses of 64 and of 32 bits.
func TestUBootWriterFar(t *testing.T) {
	const at = 5<<30 + 512
	for _, b := range []ubootBoard{
		{arch: ARM64, media: []ubootMedium{{"virtio 0", ""}, {"nvme 0", "nvme"}, {"scsi 0", "scsi"}}},
		{arch: ARM.Of(Trixie), media: []ubootMedium{{"virtio 0", ""}, {"nvme 0", "nvme"}, {"usb 0", "usb"}}},
		{arch: X86, media: []ubootMedium{{"virtio 0", ""}}},
		{arch: OrangePi, media: []ubootMedium{{"mmc 0", ""}}}, // an SD card of more than 2 GiB counts blocks, not bytes
	} {
		t.Run(b.arch.name(), func(t *testing.T) {
			r := b.newRig(t, 8<<30)
			r.want = sparse(1<<20+1, 2)
			r.image = r.write("x.raw", string(r.want))
			var all []ubootWrite
			for _, m := range b.media {
				all = append(all, ubootWrite{medium: m.uboot, offset: at})
			}
			code, out, v := r.flash(r.ubootPolicy(ubootWrites(all)))
			r.writtenByUBoot(len(all), code, out, v)
			for _, m := range b.media {
				r.holdsOnly(r.fileOf(m), m.uboot, at, r.want)
			}
		})
	}
}

// TestUBootWriterHuge has U-Boot write an image of 5 GiB, of which little is data.
func TestUBootWriterHuge(t *testing.T) {
	if os.Getenv("FLASHLUA_SOAK") == "" {
		t.Skip("an image of 5 GiB takes minutes: FLASHLUA_SOAK=1 writes it")
	}
	const size = 5 << 30
	r := ubootBoard{arch: ARM64, media: []ubootMedium{{"nvme 0", "nvme"}}}.newRig(t, 6<<30)
	r.image = filepath.Join(r.dir, "x.raw")
	if err := sparseFile(r.image, size); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(r.image, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for at, part := range map[int64][]byte{0: sparse(1<<20, 3), 1<<32 - 4096: sparse(8192, 4), size - 513: sparse(513, 5)} {
		if _, err := f.WriteAt(part, at); err != nil {
			t.Fatal(err)
		}
	}
	medium := Medium{Bus: "nvme"}.file(r.dir)
	r.fillFile(medium, 64<<20)
	code, out, v := r.flash(r.ubootPolicy(`board.targets, board.default_target = { disk = { uboot = "nvme 0" } }, "disk"`))
	r.writtenByUBoot(1, code, out, v)
	if out, err := exec.Command("cmp", "-n", fmt.Sprint(size), r.image, medium).CombinedOutput(); err != nil {
		t.Errorf("cmp = %v; want the image on the medium\n%s", err, out)
	}
}
