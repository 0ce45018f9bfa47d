package flash

import (
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

func TestCheckDevice(t *testing.T) {
	for path, want := range map[string]string{ // "" is no error
		"/dev/mtd0": "/dev/mtdblock0", "/dev/mtd11ro": "/dev/mtdblock11", "/dev//mtd3": "/dev/mtdblock3", "/dev/mtd/by-name/boot": "nandwrite",
		"/dev/ubi1": "ubiupdatevol", "/dev/ubi0_12": "ubiupdatevol", "/dev/ubi_ctrl": "ubiupdatevol",
		"/dev/mmcblk0rpmb": "/dev/mmcblk0boot1", "/dev/nvme3": "/dev/nvme3n1", "/dev/ng0n2": "/dev/nvme0n2", "/dev/sg4": "the disk", "/dev/st0": "the disk",
		"/dev/null": "lsblk", "/dev/zero": "lsblk", "/dev/ttyUSB1": "lsblk", "/dev/pts/3": "lsblk", "/dev/i2c-1": "lsblk", "/dev/watchdog": "lsblk",
		"/dev/mtdblock0": "", "/dev/ubiblock0_0": "", "/dev/mmcblk0": "", "/dev/mmcblk1boot0": "", "/dev/mmcblk1p2": "", "/dev/nvme0n1": "", "/dev/nvme0n1p1": "",
		"/dev/sda": "", "/dev/sda3": "", "/dev/vda": "", "/dev/sr0": "", "/dev/mapper/vg-root": "", "/dev/disk/by-label/st0": "", "/dev/nbd0": "",
		"/dev/loop0": "", "/dev/ram0": "", "/dev/md0": "", "/dev/dm-1": "", "/dev/zram0": "", "/dev/fd0": "", "/dev/pmem0": "", "/dev/xvda": "", "": "", "/srv/mtd0": "",
	} {
		err := Target{Name: "t", Path: path}.CheckDevice()
		f := classify.Facts(err)
		if (err == nil) != (want == "") || err != nil && (f.Kind != classify.TargetUnsafe || !strings.Contains(f.Hint, want)) {
			t.Errorf("CheckDevice of %q = %v, kind %s, hint %q; want %q in the hint", path, err, f.Kind, f.Hint, want)
		}
	}
}

// TestNotABlockDevice holds that the board's answer has the error of the plan.
func TestNotABlockDevice(t *testing.T) {
	target := Target{Name: "nor", Path: "/dev/mtd2"}
	before, board := target.CheckDevice(), errNotBlock(target, "/dev/mtd2")
	if before.Error() != board.Error() || classify.Facts(before).Hint != classify.Facts(board).Hint {
		t.Errorf("CheckDevice() = %v; want the error of the board, %v", before, board)
	}
}
