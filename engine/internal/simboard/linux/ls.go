package linux

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

func ls(p *process) int {
	o, rest, ok := p.options("1alnAdhRFr")
	if !ok {
		return 1
	}
	if len(rest) == 0 {
		rest = []string{"."}
	}
	code := 0
	var files, dirs []string
	for _, name := range rest {
		i, err := p.files.stat(absolute(p.dir, name), o['l'] == "")
		switch {
		case err != nil:
			code = p.fail("%s: %s", name, strerror(err))
		case i.IsDir() && o['d'] == "":
			dirs = append(dirs, name)
		default:
			files = append(files, name)
		}
	}
	for _, all := range [][]string{files, dirs} {
		slices.Sort(all)
		if o['r'] != "" {
			slices.Reverse(all)
		}
	}
	for _, name := range files {
		p.list(absolute(p.dir, name), name, o)
	}
	for i, dir := range dirs {
		if len(files) > 0 || i > 0 {
			fmt.Fprintln(p.out)
		}
		p.listDir(dir, len(rest) > 1 || o['R'] != "", o)
	}
	return code
}

// listDir lists a directory by the options of ls, after its name if titled.
func (p *process) listDir(dir string, titled bool, o map[byte]string) {
	if titled {
		fmt.Fprintf(p.out, "%s:\n", dir)
	}
	at := absolute(p.dir, dir)
	names, _ := p.files.names(at)
	if o['a'] != "" {
		names = append([]string{".", ".."}, names...)
	}
	if o['r'] != "" {
		slices.Reverse(names)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, ".") && o['a']+o['A'] == "" })
	for _, name := range names {
		p.list(at+"/"+name, name, o)
	}
	for _, name := range names {
		if i, err := p.files.stat(at+"/"+name, false); err == nil && i.IsDir() && o['R'] != "" && name != "." && name != ".." {
			fmt.Fprintln(p.out)
			p.listDir(dir+"/"+name, true, o)
		}
	}
}

// list prints one file by the options of ls.
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
