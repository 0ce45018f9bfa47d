package qemu

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/engine"
)

// TestSmoke flashes a disk with a system, which the policy's check boots from that disk.
func TestSmoke(t *testing.T) {
	r := ARM64.newRigOf(t, usualDisk)
	r.image = r.bootableDisk("console=ttyAMA0 rdinit=/init image=new")
	code, out, v := r.flash(filepath.Join(sourceDir(), "../../scripts/examples/smoke.lua"))
	r.verified(code, out, v)
	if v.Check == nil || v.Check.Result != engine.CheckPassed || !strings.Contains(out, "the new system is Linux") {
		t.Errorf("flashlua run smoke.lua: check = %+v; want it passed\n%s", v.Check, out)
	}
}

// bootableDisk returns a disk image that U-Boot boots by itself: an MBR with one ext2 partition that holds the board's
// kernel and initramfs, and an extlinux.conf with this command line.
func (r *rig) bootableDisk(cmdline string) string {
	r.t.Helper()
	root := filepath.Join(r.dir, "root")
	if err := os.MkdirAll(filepath.Join(root, "extlinux"), 0o755); err != nil {
		r.t.Fatal(err)
	}
	for _, name := range []string{r.Arch.Kernel, "initramfs.cpio.gz"} {
		content, err := os.ReadFile(filepath.Join(r.Arch.BootDir(), name))
		if err != nil {
			r.t.Fatal(err)
		}
		r.write("root/"+name, string(content))
	}
	r.write("root/extlinux/extlinux.conf", "label system\nlinux /"+r.Arch.Kernel+"\ninitrd /initramfs.cpio.gz\nappend "+cmdline+"\n")
	const start, sectors = 2048, 64 << 11
	mbr := make([]byte, 512)
	mbr[446] = 0x80 // bootable
	mbr[450] = 0x83 // Linux
	binary.LittleEndian.PutUint32(mbr[454:], start)
	binary.LittleEndian.PutUint32(mbr[458:], sectors)
	mbr[510], mbr[511] = 0x55, 0xaa
	disk := r.write("disk.raw", string(mbr))
	if out, err := exec.Command("/usr/sbin/mke2fs", "-q", "-t", "ext2", "-d", root, "-E", "offset=1048576", disk, "64M").CombinedOutput(); err != nil {
		r.t.Fatalf("mke2fs: %v\n%s", err, out)
	}
	return disk
}
