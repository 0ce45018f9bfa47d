package simboard

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

func bootCmd(u *bootloader, ctx context.Context, _ []string) (int, error) {
	return run(u, ctx, []string{"run", "bootcmd"})
}

// The magic numbers of files that can be booted, and their offsets. Source: Linux,
// Documentation/arch/arm64/booting.rst, arch/riscv/boot-image-header.rst and arch/x86/boot.rst; U-Boot,
// include/image.h; the devicetree specification.
const (
	imageMagic   = "ARM\x64"
	riscvMagic   = "RSC\x05"
	imageOffset  = 56
	bzImageFlag  = 0xaa55
	bzOffset     = 0x1fe
	zImageMagic  = 0x016f2818
	zImageOffset = 36
	legacyMagic  = 0x27051956
	fdtMagic     = 0xd00dfeed
)

func booti(u *bootloader, _ context.Context, args []string) (int, error) {
	addr := u.bootAddress(args)
	if magic := string(u.ram.read(addr+imageOffset, len(imageMagic))); magic != imageMagic && magic != riscvMagic {
		u.printf("Bad Linux ARM64 Image magic!\n")
		return 1, nil
	}
	return u.start(args)
}

func bootz(u *bootloader, _ context.Context, args []string) (int, error) {
	if binary.LittleEndian.Uint32(u.ram.read(u.bootAddress(args)+zImageOffset, 4)) != zImageMagic {
		u.printf("zimage: Bad magic!\n")
		return 1, nil
	}
	return u.start(args)
}

// zboot starts a PC's kernel, which gets no device tree.
func zboot(u *bootloader, _ context.Context, args []string) (int, error) {
	if flag := binary.LittleEndian.Uint16(u.ram.read(u.bootAddress(args)+bzOffset, 2)); flag != bzImageFlag {
		u.printf("Error: Invalid Boot Flag (found 0x%04x, expected 0x%04x)\n## Kernel loading failed ...\n", flag, bzImageFlag)
		return 1, nil
	}
	return 0, errBootLinux{u.env["bootargs"]}
}

func bootm(u *bootloader, _ context.Context, args []string) (int, error) {
	addr := u.bootAddress(args)
	switch binary.BigEndian.Uint32(u.ram.read(addr, 4)) {
	case legacyMagic:
		u.printf("## Booting kernel from Legacy Image at %08x ...\n", addr)
		if why := u.checkLegacy(addr); why != "" {
			u.printf("%s\nERROR: can't get kernel image!\n", why)
			return 1, nil
		}
	case fdtMagic:
		u.printf("## Loading kernel from FIT Image at %08x ...\n", addr)
	default:
		u.printf("Wrong Image Format for bootm command\nERROR: can't get kernel image!\n")
		return 1, nil
	}
	return u.start(args)
}

// checkLegacy returns what is wrong with the checksums of a legacy image, "" if they are right.
func (u *bootloader) checkLegacy(addr uint64) string {
	const size = 64
	header := u.ram.read(addr, size)
	want := binary.BigEndian.Uint32(header[4:])
	copy(header[4:8], make([]byte, 4))
	if crc32.ChecksumIEEE(header) != want {
		return "Bad Header Checksum"
	}
	length := binary.BigEndian.Uint32(header[12:])
	u.printf("   Verifying Checksum ... ")
	if length > maxPages*pageSize || crc32.ChecksumIEEE(u.ram.read(addr+size, int(length))) != binary.BigEndian.Uint32(header[24:]) {
		return "Bad Data CRC"
	}
	u.printf("OK\n")
	return ""
}

func (u *bootloader) bootAddress(args []string) uint64 {
	text := u.env["loadaddr"]
	if len(args) > 1 {
		text, _, _ = strings.Cut(args[1], "#") // a FIT's configuration
	}
	addr, _ := hexAddress(text)
	return addr
}

// start starts the kernel.
func (u *bootloader) start(args []string) (int, error) {
	fdt := u.env["fdtcontroladdr"]
	if len(args) > 3 {
		fdt = args[3]
	}
	if len(args) > 2 && args[2] != "-" {
		if _, ok := hexAddress(strings.Split(args[2], ":")[0]); !ok {
			u.printf("Wrong Ramdisk Image Format\nRamdisk image is corrupt or invalid\n")
			return 1, nil
		}
	}
	addr, ok := hexAddress(fdt)
	if !ok {
		u.printf("ERROR: Did not find a cmdline Flattened Device Tree\nCould not find a valid device tree\n")
		return 1, nil
	}
	u.printf("## Flattened Device Tree blob at %08x\n   Booting using the fdt blob at %#x\n", addr, addr)
	u.printf("   Loading Device Tree to 000000005edb3000, end 000000005edb9fff ... OK\n\nStarting kernel ...\n\n")
	return 0, errBootLinux{u.env["bootargs"]}
}
