package linux

import (
	"fmt"
	"syscall"
)

// block returns the disk that a path leads to, or prints an error.
func (p *process) block(name string) (d *disk, ok bool) {
	at := absolute(p.dir, name)
	if _, err := p.files.stat(at, true); err != nil {
		p.fail("can't open '%s': %s", name, strerror(err))
		return nil, false
	}
	at, err := p.files.resolve(at)
	for _, d := range p.disks {
		if err == nil && at == "/dev/"+d.Name {
			return d, true
		}
	}
	p.fail("%s: %s", name, strerror(syscall.ENOTTY))
	return nil, false
}

func blockdev(p *process) int {
	if len(p.args) < 2 {
		return 1
	}
	name := p.args[len(p.args)-1]
	d, ok := p.block(name)
	if !ok {
		return 1
	}
	switch p.args[0] {
	case "--getsize64":
		fmt.Fprintln(p.out, d.Size)
	case "--getsz":
		fmt.Fprintln(p.out, d.Size/512)
	case "--getss":
		fmt.Fprintln(p.out, d.Sector)
	case "--getro":
		fmt.Fprintln(p.out, 0)
	case "--rereadpt", "--flushbufs", "--setrw":
	default:
		return p.fail("not in this simulation: %s", p.args[0])
	}
	return 0
}
