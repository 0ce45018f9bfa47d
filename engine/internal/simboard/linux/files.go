package linux

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

func (p *process) output(name string, add bool) (io.Writer, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if add {
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	return p.files.open(absolute(p.dir, name), flags, 0o644)
}

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

func cp(p *process) int { return p.place(false) }
func mv(p *process) int { return p.place(true) }

// place copies or moves files to a name or into a folder.
func (p *process) place(move bool) int {
	o, rest, ok := p.options("rRafpivn")
	if !ok || len(rest) < 2 {
		return 1
	}
	to := rest[len(rest)-1]
	return p.on(rest[:len(rest)-1], "can't stat", func(from string) error {
		at := absolute(p.dir, to)
		if i, err := p.files.stat(at, true); err == nil && i.IsDir() {
			at += "/" + path.Base(from)
		}
		if move {
			return p.files.rename(from, at)
		}
		return p.copy(from, at, o['r']+o['R']+o['a'] != "")
	})
}

func (p *process) copy(from, to string, deep bool) error {
	i, err := p.files.stat(from, !deep)
	switch {
	case err != nil:
		return err
	case i.mode&fs.ModeSymlink != 0:
		return p.files.symlink(i.target, to)
	case i.IsDir() && !deep:
		return syscall.EISDIR
	case i.IsDir():
		if err := p.files.mkdir(to, i.mode.Perm()); err != nil && err != syscall.EEXIST {
			return err
		}
		names, err := p.files.names(from)
		for _, name := range names {
			if cerr := p.copy(from+"/"+name, to+"/"+name, true); cerr != nil {
				err = cerr
			}
		}
		return err
	}
	in, err := p.files.open(from, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	out, err := p.files.open(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, i.mode.Perm())
	if err != nil {
		return err
	}
	return p.pour(out, in)
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

func rmdir(p *process) int {
	return p.on(p.args, "can't remove", func(at string) error { return p.files.remove(at, true) })
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

func chmod(p *process) int {
	_, rest, ok := p.options("R")
	if !ok || len(rest) < 2 {
		return 1
	}
	var mode fs.FileMode
	if _, err := fmt.Sscanf(rest[0], "%o", &mode); err != nil {
		mode = 0o755 // +x, the one that scripts write
	}
	return p.on(rest[1:], "can't change", func(at string) error { return p.files.chmod(at, mode&0o777) })
}

func readlink(p *process) int {
	o, rest, ok := p.options("fnev")
	if !ok || len(rest) == 0 {
		return 1
	}
	for _, name := range rest {
		at := absolute(p.dir, name)
		if o['f']+o['e'] != "" || p.name == "realpath" {
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

func stat(p *process) int {
	o, rest, ok := p.options("c:Lt")
	if !ok {
		return 1
	}
	return p.on(rest, "can't stat", func(at string) error {
		i, err := p.files.stat(at, o['L'] != "")
		if err != nil {
			return err
		}
		format := o['c']
		if format == "" {
			format = "  File: %n\n  Size: %s"
		}
		kind := "regular file"
		switch {
		case i.IsDir():
			kind = "directory"
		case i.mode&fs.ModeSymlink != 0:
			kind = "symbolic link"
		case i.mode&fs.ModeCharDevice != 0:
			kind = "character special file"
		case i.mode&fs.ModeDevice != 0:
			kind = "block special file"
		}
		fmt.Fprintln(p.out, strings.NewReplacer("%s", fmt.Sprint(i.size), "%n", at, "%F", kind, "%a", fmt.Sprintf("%o", i.mode.Perm()), "%Y", fmt.Sprint(i.mtime.Unix()), "%i", fmt.Sprint(i.ino)).Replace(format))
		return nil
	})
}

func find(p *process) int {
	var roots []string
	args := p.args
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		roots, args = append(roots, args[0]), args[1:]
	}
	if len(roots) == 0 {
		roots = []string{"."}
	}
	name, kind, deepest := "*", "", 1<<30
	for ; len(args) > 0; args = args[1:] {
		if args[0] == "-print" {
			continue
		}
		if len(args) < 2 || !slices.Contains([]string{"-name", "-type", "-maxdepth"}, args[0]) {
			return p.fail("not in this simulation: %s", args[0])
		}
		switch args[0] {
		case "-name":
			name = args[1]
		case "-type":
			kind = args[1]
		case "-maxdepth":
			deepest = number(args[1], 0)
		}
		args = args[1:]
	}
	for _, root := range roots {
		p.find(root, 0, deepest, func(at string, i info) {
			fits, _ := path.Match(name, path.Base(at))
			letter := map[bool]string{true: "d", false: "f"}[i.IsDir()]
			switch {
			case i.mode&fs.ModeSymlink != 0:
				letter = "l"
			case i.mode&fs.ModeCharDevice != 0:
				letter = "c"
			case i.mode&fs.ModeDevice != 0:
				letter = "b"
			}
			if fits && (kind == "" || kind == letter) {
				fmt.Fprintln(p.out, at)
			}
		})
	}
	return 0
}

func (p *process) find(at string, depth, deepest int, f func(string, info)) {
	i, err := p.files.stat(absolute(p.dir, at), false)
	if err != nil || depth > deepest || p.ctx.Err() != nil {
		return
	}
	f(at, i)
	if !i.IsDir() {
		return
	}
	names, _ := p.files.names(absolute(p.dir, at))
	for _, name := range names {
		p.find(strings.TrimSuffix(at, "/")+"/"+name, depth+1, deepest, f)
	}
}

func df(p *process) int {
	fmt.Fprintln(p.out, "Filesystem           1K-blocks      Used Available Use% Mounted on")
	used := (memory - 21692 - p.free())
	fmt.Fprintf(p.out, "%-20s %9d %9d %9d %3d%% %s\n", "rootfs", treeLimit>>10, used, treeLimit>>10-used, used*100/(treeLimit>>10), "/")
	return 0
}

func du(p *process) int {
	_, rest, ok := p.options("skhma")
	if !ok {
		return 1
	}
	if len(rest) == 0 {
		rest = []string{"."}
	}
	for _, root := range rest {
		var total int64
		p.find(root, 0, 1<<30, func(_ string, i info) { total += (i.size + 1023) / 1024 })
		fmt.Fprintf(p.out, "%d\t%s\n", total, root)
	}
	return 0
}

func compare(p *process) int {
	o, rest, ok := p.options("sn:l")
	if !ok || len(rest) == 0 {
		return 2
	}
	if len(rest) == 1 {
		rest = append(rest, "-")
	}
	a, err1 := p.open(rest[0])
	b, err2 := p.open(rest[1])
	if err1 != nil || err2 != nil {
		return 2
	}
	if n, ok := size(o['n']); ok && o['n'] != "" {
		a, b = io.LimitReader(a, n), io.LimitReader(b, n)
	}
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := 0; p.ctx.Err() == nil; {
		n, errA := io.ReadFull(a, x)
		m, errB := io.ReadFull(b, y)
		for i := range min(n, m) {
			if x[i] != y[i] {
				if o['s'] == "" {
					fmt.Fprintf(p.out, "%s %s differ: char %d, line 1\n", rest[0], rest[1], at+i+1)
				}
				return 1
			}
		}
		if n != m {
			short := rest[map[bool]int{true: 0, false: 1}[n < m]]
			fmt.Fprintf(p.err, "cmp: EOF on %s\n", short)
			return 1
		}
		if at += n; errA != nil || errB != nil {
			return 0
		}
	}
	return 2
}
