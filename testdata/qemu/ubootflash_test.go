package qemu

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

// TestUBootWriterSF has U-Boot write two images to an SPI NOR flash. The rest of the erase blocks in which they end
// must be as it was: zeros, with which QEMU's chip begins.
func TestUBootWriterSF(t *testing.T) {
	const size = 2 << 20
	r := ubootBoard{arch: SabreLite}.newRig(t, size)
	want := make([]byte, size)
	first := sparse(1, 6)
	r.want = sparse(4097, 7) // the chip is slow: U-Boot writes two bytes a command
	r.image = r.write("x.raw", string(r.want))
	const at = 64 << 10
	copy(want[at:], r.want)
	copy(want, first)
	code, out, v := r.flash(r.ubootPolicy(`board.uboot.env = { ethaddr = "52:54:00:12:34:56" } -- its fuses have no address
` + ubootWrites([]ubootWrite{{medium: "sf 0:0", image: r.write("first.raw", string(first))}, {medium: "sf 0:0", offset: at}})))
	r.writtenByUBoot(2, code, out, v)
	r.mediumHolds(r.Disk, "sf 0:0", want)
}

// TestUBootWriterNOR has U-Boot write a NOR flash in the board's address space. QEMU's machine has two chips side by
// side on a bus of 32 bits, which erase their blocks together; U-Boot knows of one. Only on riscv64 can U-Boot write
// them: on the other machines it fills the chips' write buffers, which QEMU 7.2 does not support as U-Boot uses them.
func TestUBootWriterNOR(t *testing.T) {
	if os.Getenv("FLASHLUA_SOAK") == "" {
		t.Skip("U-Boot writes QEMU's flash for minutes: FLASHLUA_SOAK=1 has it do so")
	}
	const address, block = 0x20000000, 256 << 10
	for _, a := range []Arch{RISCV64, RISCV64.Of(Trixie)} {
		t.Run(a.name(), func(t *testing.T) {
			r := ubootBoard{arch: a}.newRig(t, usualDisk)
			r.want = sparse(block+4097, 8)
			r.image = r.write("x.raw", string(r.want))
			code, out, v := r.flash(r.ubootPolicy(ubootWrites([]ubootWrite{{medium: "nor 20000000/40000", offset: block}})))
			r.writtenByUBoot(1, code, out, v)
			path := filepath.Join(r.dir, "nor")
			if _, err := r.QMP(context.Background(), "pmemsave", map[string]any{"val": address, "size": 4 * block, "filename": path}); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := make([]byte, 4*block) // QEMU's empty chip
			copy(want[block:], r.want)
			if !bytes.Equal(got[block:][:len(r.want)], r.want) || !bytes.Equal(got[:block], want[:block]) || !bytes.Equal(got[3*block:], want[3*block:]) {
				t.Errorf("the flash differs from the image in its blocks 1 and 2, or its blocks 0 and 3 are changed")
			}
		})
	}
}
