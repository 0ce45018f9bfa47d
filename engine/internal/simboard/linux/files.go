package linux

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// on runs f for every path, and says what fails.
func (p *process) on(names []string, verb string, f func(at string) error) int {
	code := 0
	for _, name := range names {
		if err := f(absolute(p.dir, name)); err != nil {
			code = p.fail("%s '%s': %s", verb, name, strerror(err))
		}
	}
	return code
}

func ls(p *process) int {
	o, rest, ok := p.options("1alnAdhRiFt")
	if !ok {
		return 1
	}
	if len(rest) == 0 {
		rest = []string{"."}
	}
	code := 0
	for _, name := range rest {
		at := absolute(p.dir, name)
		i, err := p.files.stat(at, o['l'] == "")
		if err != nil {
			code = p.fail("%s: %s", name, strerror(err))
			continue
		}
		if !i.IsDir() || o['d'] != "" {
			p.list(at, name, o)
			continue
		}
		if len(rest) > 1 {
			fmt.Fprintf(p.out, "%s:\n", name)
		}
		names, _ := p.files.names(at)
		if o['a'] != "" {
			names = append([]string{".", ".."}, names...)
		}
		for _, child := range names {
			if strings.HasPrefix(child, ".") && o['a']+o['A'] == "" {
				continue
			}
			p.list(at+"/"+child, child, o)
		}
	}
	return code
}

// list prints one file as the options of ls have it.
func (p *process) list(at, name string, o map[byte]string) {
	if o['l'] == "" {
		fmt.Fprintln(p.out, name)
		return
	}
	i, err := p.files.stat(at, false)
	if err != nil {
		return
	}
	kind, extent := "-", fmt.Sprint(i.size)
	switch {
	case i.mode.IsDir():
		kind = "d"
	case i.mode&fs.ModeSymlink != 0:
		kind, name = "l", name+" -> "+i.target
	case i.mode&fs.ModeCharDevice != 0:
		kind, extent = "c", fmt.Sprintf("%d, %3d", i.major, i.minor)
	case i.mode&fs.ModeDevice != 0:
		kind, extent = "b", fmt.Sprintf("%d, %3d", i.major, i.minor)
	}
	owner := "root     root    "
	if o['n'] != "" {
		owner = "0        0       "
	}
	fmt.Fprintf(p.out, "%s%s    1 %s %9s %s %s\n", kind, i.mode.Perm().String()[1:], owner, extent, i.mtime.Format("Jan _2 15:04"), name)
}

func rm(p *process) int {
	o, rest, ok := p.options("rRfi")
	if !ok {
		return 1
	}
	return p.on(rest, "can't remove", func(at string) error {
		err := p.removeAll(at, o['r']+o['R'] != "")
		if err == syscall.ENOENT && o['f'] != "" {
			err = nil
		}
		return err
	})
}

// removeAll removes what is there, and tells the first thing that stays.
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
	return p.on(rest, "can't create directory", func(at string) error {
		if o['p'] != "" {
			return p.files.mkdirAll(at)
		}
		return p.files.mkdir(at, 0o755)
	})
}

func ln(p *process) int {
	o, rest, ok := p.options("sfn")
	if !ok || len(rest) != 2 {
		return 1
	}
	to := absolute(p.dir, rest[1])
	if i, err := p.files.stat(to, o['n'] == ""); err == nil && i.IsDir() {
		to += "/" + path.Base(rest[0])
	}
	if o['f'] != "" {
		p.files.remove(to, false)
	}
	err := error(nil)
	if o['s'] != "" {
		err = p.files.symlink(rest[0], to)
	} else {
		err = p.files.link(absolute(p.dir, rest[0]), to)
	}
	if err != nil {
		return p.fail("%s: %s", rest[1], strerror(err))
	}
	return 0
}

func touch(p *process) int {
	o, rest, ok := p.options("ct:d:")
	if !ok {
		return 1
	}
	return p.on(rest, "can't touch", func(at string) error {
		err := p.files.touch(at, p.now())
		if err == syscall.ENOENT && o['c'] == "" {
			_, err = p.files.open(at, os.O_WRONLY|os.O_CREATE, 0o644)
		}
		return err
	})
}

func readlink(p *process) int {
	o, rest, ok := p.options("fnev")
	if !ok || len(rest) == 0 {
		return 1
	}
	for _, name := range rest {
		at := absolute(p.dir, name)
		if o['f']+o['e'] != "" {
			to, err := p.files.resolve(at)
			if err != nil {
				return 1
			}
			fmt.Fprintln(p.out, to)
			continue
		}
		i, err := p.files.stat(at, false)
		if err != nil || i.mode&fs.ModeSymlink == 0 {
			return 1
		}
		fmt.Fprintln(p.out, i.target)
	}
	return 0
}
