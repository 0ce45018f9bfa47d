package linux

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// on runs f for every path, and prints what fails.
func (p *process) on(names []string, verb string, f func(at string) error) int {
	code := 0
	for _, name := range names {
		if err := f(absolute(p.dir, name)); err != nil {
			code = p.fail("%s '%s': %s", verb, name, strerror(err))
		}
	}
	return code
}

func rm(p *process) int {
	o, rest, ok := p.options("rRfi")
	if !ok {
		return 1
	}
	if len(rest) == 0 && o['f'] == "" {
		return p.usage()
	}
	code := 0
	rest = slices.DeleteFunc(slices.Clone(rest), func(name string) bool {
		i, err := p.files.stat(absolute(p.dir, name), false)
		switch last := path.Base(name); {
		case last == "." || last == "..":
			code = p.fail("can't remove '.' or '..'")
			return true
		case err == nil && i.IsDir() && o['r']+o['R'] == "":
			code = p.fail("'%s' is a directory", name)
			return true
		}
		return false
	})
	return code | p.on(rest, "can't remove", func(at string) error {
		err := p.removeAll(at, o['r']+o['R'] != "")
		if err == syscall.ENOENT && o['f'] != "" {
			err = nil
		}
		return err
	})
}

// removeAll removes what is there, and returns the first error.
func (p *process) removeAll(at string, deep bool) error {
	i, err := p.files.stat(at, false)
	if err != nil {
		return err
	}
	if !i.IsDir() || !deep {
		return p.files.remove(at, false)
	}
	names, first := []string(nil), error(nil)
	if names, err = p.files.names(at); err != nil {
		return err
	}
	for _, name := range names {
		if err := p.removeAll(strings.TrimSuffix(at, "/")+"/"+name, true); err != nil && first == nil {
			first = err
		}
	}
	if err := p.files.remove(at, true); err != nil && first == nil {
		first = err
	}
	return first
}

func mkdir(p *process) int {
	o, rest, ok := p.options("pm:")
	if !ok {
		return 1
	}
	if len(rest) == 0 {
		return p.usage()
	}
	mode := fs.FileMode(0o755)
	if o['m'] != "" {
		n, err := strconv.ParseUint(o['m'], 8, 9)
		if err != nil {
			return p.fail("mode %s is not in this simulation", o['m'])
		}
		mode = fs.FileMode(n)
	}
	return p.on(rest, "can't create directory", func(at string) error {
		if o['p'] != "" {
			return p.files.mkdirAll(at)
		}
		return p.files.mkdir(at, mode)
	})
}

func ln(p *process) int {
	o, rest, ok := p.options("sfn")
	if !ok {
		return 1
	}
	if len(rest) == 0 {
		return p.usage()
	}
	if len(rest) == 1 {
		rest = append(rest, path.Base(rest[0]))
	}
	last := rest[len(rest)-1]
	i, err := p.files.stat(absolute(p.dir, last), o['n'] == "")
	into := err == nil && i.IsDir()
	code := 0
	for _, from := range rest[:len(rest)-1] {
		to := last
		if into {
			to += "/" + path.Base(from)
		}
		code |= p.link(from, to, o['s'] != "", o['f'] != "")
	}
	return code
}

// link makes one link. force replaces an existing file.
func (p *process) link(from, to string, symbolic, force bool) int {
	at := absolute(p.dir, to)
	if _, err := p.files.stat(absolute(p.dir, from), false); err != nil && !symbolic {
		return p.fail("%s: %s", from, strerror(err))
	}
	if force {
		p.files.remove(at, false)
	}
	var err error
	if symbolic {
		err = p.files.symlink(from, at)
	} else {
		err = p.files.link(absolute(p.dir, from), at)
	}
	if err != nil {
		return p.fail("%s: %s", to, strerror(err))
	}
	return 0
}

func touch(p *process) int {
	o, rest, ok := p.options("c")
	if !ok {
		return 1
	}
	if len(rest) == 0 {
		return p.usage()
	}
	code := 0
	for _, name := range rest {
		at := absolute(p.dir, name)
		err := p.files.touch(at, p.now())
		switch {
		case err == syscall.ENOENT && o['c'] != "":
			err = nil
		case err == syscall.ENOENT:
			_, err = p.files.open(at, os.O_WRONLY|os.O_CREATE, 0o644)
		}
		if err != nil {
			code = p.fail("%s: %s", name, strerror(err))
		}
	}
	return code
}

func readlink(p *process) int {
	o, rest, ok := p.options("fnev")
	if !ok || len(rest) == 0 {
		return 1
	}
	end := "\n"
	if o['n'] != "" {
		end = ""
	}
	for _, name := range rest {
		at := absolute(p.dir, name)
		if o['f']+o['e'] != "" {
			to, err := p.files.resolve(at)
			if err != nil {
				return 1
			}
			fmt.Fprint(p.out, to, end)
			continue
		}
		i, err := p.files.stat(at, false)
		if err == nil && i.mode&fs.ModeSymlink == 0 {
			err = syscall.EINVAL
		}
		if err != nil {
			if o['v'] != "" {
				p.fail("%s: cannot read link: %s", name, strerror(err))
			}
			return 1
		}
		fmt.Fprint(p.out, i.target, end)
	}
	return 0
}

// usage prints that a program was called wrongly.
func (p *process) usage() int {
	fmt.Fprintf(p.err, "%s\n\nUsage: see busybox %s --help\n", toolset, p.name)
	return 1
}
