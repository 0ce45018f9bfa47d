package linux

import (
	"fmt"
	"slices"
	"syscall"
)

// block returns the disk that a path leads to, or prints an error: notDisk is what failed on another file.
func (p *process) block(name string, notDisk string) (d *disk, ok bool) {
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
	p.fail("%s: %s", notDisk, strerror(syscall.ENOTTY))
	return nil, false
}

// blkdiscard discards a range. It reads as zeros afterwards; a real medium may return anything.
func blkdiscard(p *process) int {
	o, rest, ok := p.options("o:l:sfz")
	if !ok || len(rest) != 1 {
		return 1
	}
	d, ok := p.block(rest[0], "BLKGETSIZE64")
	if !ok {
		return 1
	}
	from, _ := size(o['o'])
	n := d.Size - from
	if o['l'] != "" {
		n, _ = size(o['l'])
	}
	zeros := make([]byte, 64<<10)
	for n > 0 && p.ctx.Err() == nil {
		part := min(n, int64(len(zeros)))
		was := make([]byte, part)
		if _, err := d.readAt(was, from, false); err != nil {
			return p.fail("%s: %s", rest[0], strerror(err))
		}
		if slices.ContainsFunc(was, func(c byte) bool { return c != 0 }) { // holes stay holes
			if _, err := d.writeAt(zeros[:part], from, false); err != nil {
				return p.fail("%s: %s", rest[0], strerror(err))
			}
		}
		from, n = from+part, n-part
	}
	return 0
}

func blockdev(p *process) int {
	if len(p.args) < 2 {
		return 1
	}
	name := p.args[len(p.args)-1]
	d, ok := p.block(name, name)
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
