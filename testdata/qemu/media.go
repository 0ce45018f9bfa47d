package qemu

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// Medium is a medium of a board beside its disk, with a file of its own.
type Medium struct {
	Bus  string // nvme, scsi (a disk of an AHCI controller), usb, nor (the second flash chip of arm and arm64), emmc or sd
	Size int64  // bytes; of nor it must be 64 MiB, of emmc it includes the boot partitions, of sd it is a power of two
}

// file is the path of the medium's file in the board's folder.
func (m Medium) file(dir string) string { return filepath.Join(dir, m.Bus+".img") }

// idlePorts are the ports of an AHCI controller beside the disk's. U-Boot waits a second for each that is empty.
const idlePorts = 5

// emmcBoot are the bytes of each boot partition of an eMMC.
const emmcBoot = 4 << 20

// options returns what QEMU needs for the medium.
func (m Medium) options(a Arch, dir string) []string {
	// Zeros become holes of the file.
	drive := fmt.Sprintf("if=none,id=%s,format=raw,discard=unmap,detect-zeroes=unmap,file=%s", m.Bus, escape(m.file(dir)))
	switch m.Bus {
	case "nvme":
		return []string{"-drive", drive, "-device", "nvme,serial=1,drive=nvme"}
	case "scsi":
		all := []string{"-device", "ahci,id=ahci", "-drive", drive, "-device", "ide-hd,drive=scsi,bus=ahci.0"}
		for port := 1; port <= idlePorts; port++ {
			all = append(all, "-drive", fmt.Sprintf("if=none,id=idle%d,format=raw,file.driver=null-co,file.size=1M", port),
				"-device", fmt.Sprintf("ide-hd,drive=idle%d,bus=ahci.%d", port, port))
		}
		return all
	case "usb":
		if a.Name == OrangePi.Name {
			return []string{"-drive", drive, "-device", "usb-storage,drive=usb,bus=usb-bus.0"}
		}
		return []string{"-drive", drive, "-device", "qemu-xhci", "-device", "usb-storage,drive=usb"}
	case "emmc": // the file has boot0, boot1 and the user area one after the other
		return []string{"-drive", drive, "-device", "sdhci-pci", "-device", fmt.Sprintf("emmc,drive=emmc,boot-partition-size=%d", emmcBoot)}
	case "sd":
		return []string{"-drive", drive, "-device", "sdhci-pci", "-device", "sd-card,drive=sd"}
	case "nor":
		return []string{"-drive", fmt.Sprintf("if=pflash,unit=1,format=raw,file=%s", escape(m.file(dir)))}
	}
	panic("no medium of a board: " + m.Bus)
}

// escape returns a path as QEMU's options want it.
func escape(path string) string { return strings.ReplaceAll(path, ",", ",,") }

// StartWith is Start of a board with more media, whose files are in dir. They are empty.
func (a Arch) StartWith(ctx context.Context, dir string, diskSize int64, media ...Medium) (*Board, error) {
	var options []string
	for _, m := range media {
		if err := sparseFile(m.file(dir), m.Size); err != nil {
			return nil, err
		}
		options = append(options, m.options(a, dir)...)
	}
	return a.start(ctx, dir, diskSize, options...)
}
