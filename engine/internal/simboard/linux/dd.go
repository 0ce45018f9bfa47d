package linux

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/flashlua/flashlua/engine/bounded"
)

// ddArgs are the arguments of dd.
type ddArgs struct {
	in, out           string
	ibs, obs          int
	count, skip, seek int64
	flags             map[string]bool // "i:direct", "o:direct", "c:notrunc"
	quiet             bool
}

// size reads a number with busybox's suffixes. It is 0 if ok is false.
func size(text string) (int64, bool) {
	unit := int64(1)
	for _, u := range []struct {
		suffix string
		n      int64
	}{{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"c", 1}, {"w", 2}, {"b", 512}, {"k", 1 << 10}, {"K", 1 << 10}, {"M", 1 << 20}, {"m", 1 << 20}, {"G", 1 << 30}} {
		if t, ok := strings.CutSuffix(text, u.suffix); ok {
			text, unit = t, u.n
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, false
	}
	return bounded.Mul(n, unit)
}

var ddFlags = map[string]string{
	"iflag": " fullblock skip_bytes count_bytes direct ", "oflag": " seek_bytes append direct ",
	"conv": " notrunc sync noerror fsync swab ",
}

// ddArgs reads the arguments. ok is false after an error, which is printed.
func (p *process) ddArgs() (c ddArgs, ok bool) {
	c = ddArgs{ibs: 512, obs: 512, count: -1, flags: map[string]bool{}}
	for _, a := range p.args {
		key, value, _ := strings.Cut(a, "=")
		known, valid := c.set(key, value)
		switch {
		case valid:
		case !known:
			p.usage()
			return c, false
		case ddFlags[key] != "":
			fmt.Fprintf(p.err, "dd: invalid argument '%s' to '%s'\n", value, key)
			return c, false
		case strings.Trim(value, "0123456789bckmwBGKM") == "" && value != "":
			least := 0
			if strings.HasSuffix(key, "bs") {
				least = 1
			}
			p.outOfRange(value, least)
			return c, false
		default:
			p.fail("invalid number '%s'", value)
			return c, false
		}
	}
	if c.ibs <= 0 || c.obs <= 0 {
		p.outOfRange("0", 1)
		return c, false
	}
	if c.ibs > maxBlock || c.obs > maxBlock {
		p.fail("blocks above 64 MiB are not in this simulation")
		return c, false
	}
	return c, true
}

const maxBlock = 64 << 20 // bytes, of a dd on the simulated board

// set sets one argument, and reports whether dd has it and whether its value is one.
func (c *ddArgs) set(key, value string) (known, valid bool) {
	n, valid := size(value)
	switch key {
	case "if":
		c.in, valid = value, true
	case "of":
		c.out, valid = value, true
	case "bs":
		c.ibs, c.obs = int(n), int(n)
	case "ibs":
		c.ibs = int(n)
	case "obs":
		c.obs = int(n)
	case "count":
		c.count = n
	case "skip":
		c.skip = n
	case "seek":
		c.seek = n
	case "status":
		c.quiet, valid = value == "none", true
	case "iflag", "oflag", "conv":
		valid = true
		for _, f := range strings.Split(value, ",") {
			valid = valid && strings.Contains(ddFlags[key], " "+f+" ")
			c.flags[key[:1]+":"+f] = true
		}
	default:
		return false, false
	}
	return true, valid
}

func (p *process) outOfRange(value string, least int) {
	p.fail("number %s is not in %d..9223372036854775807 range", value, least)
}

// dd copies block by block.
func dd(p *process) int {
	c, ok := p.ddArgs()
	if !ok {
		return 1
	}
	in, out, code := p.ddFiles(&c)
	if code != 0 {
		return code
	}
	buf := blockBuffer(c.ibs)
	defer blocks.Put(buf)
	r := &ddRun{ddArgs: c, p: p, in: in, out: out, buf: *buf}
	code = r.run()
	if !c.quiet {
		fmt.Fprintf(p.err, "%d+%d records in\n%d+%d records out\n", r.fullIn, r.partIn, r.fullOut, r.partOut)
	}
	return code
}

// ddFiles opens both sides and seeks to where they begin.
func (p *process) ddFiles(c *ddArgs) (in io.Reader, out io.Writer, code int) {
	in, out = p.in, p.out
	if c.in != "" {
		flags := os.O_RDONLY
		if c.flags["i:direct"] {
			flags |= oDirect
		}
		f, err := p.files.open(absolute(p.dir, c.in), flags, 0)
		if err != nil {
			return nil, nil, p.fail("can't open '%s': %s", c.in, strerror(err))
		}
		in = f
	}
	if c.out != "" {
		flags := os.O_RDWR | os.O_CREATE
		if c.seek == 0 && !c.flags["c:notrunc"] {
			flags |= os.O_TRUNC
		}
		if c.flags["o:append"] {
			flags |= os.O_APPEND
		}
		if c.flags["o:direct"] {
			flags |= oDirect
		}
		f, err := p.files.open(absolute(p.dir, c.out), flags, 0o644)
		if err != nil {
			return nil, nil, p.fail("can't open '%s': %s", c.out, strerror(err))
		}
		out = f
	}
	return in, out, p.ddSeek(c, in, out)
}

func (p *process) ddSeek(c *ddArgs, in io.Reader, out io.Writer) int {
	skip, okSkip := bounded.Mul(c.skip, int64(c.ibs))
	seek, okSeek := bounded.Mul(c.seek, int64(c.obs))
	if c.flags["i:skip_bytes"] {
		skip, okSkip = c.skip, true
	}
	if c.flags["o:seek_bytes"] {
		seek, okSeek = c.seek, true
	}
	switch {
	case !okSkip:
		return p.fail("%s: %s", cmp.Or(c.in, "standard input"), strerror(syscall.EINVAL))
	case !okSeek:
		return p.fail("%s: %s", cmp.Or(c.out, "standard output"), strerror(syscall.EINVAL))
	}
	if f, ok := in.(*file); ok && (f.n.dev == nil || f.n.mode&fs.ModeCharDevice == 0) {
		f.off = skip
	} else if _, err := io.CopyN(io.Discard, in, skip); err != nil && skip > 0 {
		return p.fail("%s: cannot skip", c.in)
	}
	if f, ok := out.(*file); ok {
		if f.off = seek; seek > 0 && !c.flags["c:notrunc"] {
			f.truncate(seek)
		}
	}
	return 0
}

// blocks are buffers of dd, of any size.
var blocks sync.Pool

// blockBuffer returns a buffer of n bytes, whose content is arbitrary.
func blockBuffer(n int) *[]byte {
	if buf, ok := blocks.Get().(*[]byte); ok && cap(*buf) >= n {
		*buf = (*buf)[:n]
		return buf
	}
	buf := make([]byte, n)
	return &buf
}

// ddRun is a running copy.
type ddRun struct {
	ddArgs
	p                                *process
	in                               io.Reader
	out                              io.Writer
	buf, rest                        []byte
	fullIn, partIn, fullOut, partOut int64
}

func (r *ddRun) run() int {
	left := r.count
	for left != 0 && r.p.ctx.Err() == nil {
		want := r.ibs
		if r.flags["i:count_bytes"] && left > 0 {
			want = int(min(int64(want), left))
		}
		n, err := r.read(r.buf[:want])
		if n == 0 && err != nil && err != io.EOF {
			return r.p.fail("%s: %s", r.source(), strerror(err))
		}
		if n == 0 {
			break
		}
		switch {
		case left < 0:
		case r.flags["i:count_bytes"]:
			left -= int64(n)
		default:
			left--
		}
		if code := r.block(n); code != 0 {
			return code
		}
	}
	return r.flush(len(r.rest))
}

// source is the name of the input in messages.
func (r *ddRun) source() string {
	if r.ddArgs.in == "" {
		return "standard input"
	}
	return r.ddArgs.in
}

// read reads once, or until the block is full. What cannot be read past the cache is read through it.
func (r *ddRun) read(p []byte) (int, error) {
	if f, ok := r.in.(*file); ok && f.direct() && f.n.dev != nil && int64(len(p))%sectorOf(f) != 0 {
		f.flags &^= oDirect
	}
	if r.flags["i:fullblock"] {
		n, err := io.ReadFull(r.in, p)
		if err == io.ErrUnexpectedEOF {
			err = nil
		}
		return n, err
	}
	return r.in.Read(p)
}

// block counts what was read and writes what is complete.
func (r *ddRun) block(n int) int {
	data := r.buf[:n]
	if n == r.ibs {
		r.fullIn++
	} else {
		r.partIn++
		if r.flags["c:sync"] {
			data = r.buf[:r.ibs]
			clear(data[n:])
		}
	}
	if r.flags["c:swab"] {
		for i := 0; i+1 < len(data); i += 2 {
			data[i], data[i+1] = data[i+1], data[i]
		}
	}
	if r.ibs == r.obs && len(r.rest) == 0 {
		return r.write(data)
	}
	r.rest = append(r.rest, data...)
	for len(r.rest) >= r.obs {
		if code := r.flush(r.obs); code != 0 {
			return code
		}
	}
	return 0
}

func (r *ddRun) flush(n int) int {
	if n == 0 {
		return 0
	}
	code := r.write(r.rest[:n])
	r.rest = r.rest[:copy(r.rest, r.rest[n:])]
	return code
}

// sectorOf returns the unit of direct transfers of a device, in bytes.
func sectorOf(f *file) int64 {
	if d, ok := f.n.dev.(*disk); ok {
		return d.Sector
	}
	return 1
}

func (r *ddRun) write(p []byte) int {
	n, err := r.out.Write(p)
	if f, ok := r.out.(*file); ok && err == syscall.EINVAL && f.direct() { // like a read
		f.flags &^= oDirect
		var m int
		m, err = r.out.Write(p[n:])
		n += m
	}
	if n == r.obs {
		r.fullOut++
	} else if n > 0 {
		r.partOut++
	}
	if err != nil || n < len(p) {
		if err == nil {
			_, err = r.out.Write(p[n:])
		}
		name := r.ddArgs.out
		if name == "" {
			name = "standard output"
		}
		return r.p.fail("error writing '%s': %s", name, strerror(err))
	}
	return 0
}
