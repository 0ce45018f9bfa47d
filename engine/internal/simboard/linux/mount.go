package linux

import (
	"fmt"
	"path"
)

func mountCmd(p *process) int {
	o, rest, ok := p.options("t:o:rwna")
	if !ok {
		return 1
	}
	if len(rest) == 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, m := range p.mounts {
			fmt.Fprintf(p.out, "%s on %s type %s (%s)\n", m.source, m.at, m.kind, m.options)
		}
		return 0
	}
	at := path.Clean(absolute(p.dir, rest[len(rest)-1]))
	if i, err := p.files.stat(at, true); err != nil || !i.IsDir() {
		p.fail("mounting %s on %s failed: No such file or directory", rest[0], rest[len(rest)-1])
		return mountFailed
	}
	switch o['t'] {
	case "tmpfs", "proc", "sysfs", "devtmpfs", "debugfs":
		p.mu.Lock()
		defer p.mu.Unlock()
		options := "rw,relatime"
		if o['t'] == "tmpfs" {
			options += ",inode64"
		}
		p.mounts = append(p.mounts, mount{rest[0], at, o['t'], options, fmt.Sprintf("0:%d", 30+len(p.mounts))})
		return 0
	}
	for _, d := range p.disks {
		if "/dev/"+d.Name == rest[0] && p.holdsFileSystem(d) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.mounts = append(p.mounts, mount{rest[0], at, "ext4", "ro,relatime", fmt.Sprintf("%d:%d", diskMajor, d.minor)})
			return p.fail("mounted %s, whose files are not in this simulation", rest[0])
		}
	}
	p.fail("mounting %s on %s failed: Invalid argument", rest[0], rest[len(rest)-1])
	return mountFailed
}

const mountFailed = 255 // the exit code of a mount that failed

// holdsFileSystem looks for ext's magic number. Source: Linux, Documentation/filesystems/ext4/super.rst.
func (p *process) holdsFileSystem(d *disk) bool {
	var magic [2]byte
	_, err := d.readAt(magic[:], 1024+0x38, false)
	return err == nil && magic == [2]byte{0x53, 0xef}
}
