package linux

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// basic translates a basic regular expression into Go's syntax, which has no back references.
func basic(re string) string {
	var b strings.Builder
	for i := 0; i < len(re); i++ {
		c := re[i]
		switch {
		case c == '\\' && i+1 < len(re) && strings.IndexByte("(){}+?|", re[i+1]) >= 0:
			i++
			b.WriteByte(re[i])
		case c == '\\' && i+1 < len(re):
			b.WriteString(re[i : i+2])
			i++
		case c == '[':
			end := strings.IndexByte(re[min(i+2, len(re)):], ']')
			for end >= 0 && strings.Contains(re[i:i+2+end], "[:") && !strings.Contains(re[i:i+2+end], ":]") {
				next := strings.IndexByte(re[i+3+end:], ']')
				if next < 0 {
					break
				}
				end += next + 1
			}
			if end < 0 {
				b.WriteString(`\[`)
				continue
			}
			b.WriteString(strings.ReplaceAll(re[i:i+3+end], `\`, `\\`))
			i += 2 + end
			if i+1 < len(re) && re[i] == ':' && re[i+1] == ']' { // of a class
				b.WriteByte(']')
				i++
			}
		case strings.IndexByte("(){}+?|", c) >= 0, c == '*' && (i == 0 || i == 1 && re[0] == '^'):
			b.WriteString(`\` + string(c))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func grep(p *process) int {
	o, rest, ok := p.options("qvciEFonhHslwxe:m:")
	if !ok {
		return 2
	}
	patterns, given := o['e']
	if !given {
		if len(rest) == 0 {
			return 2 * p.usage()
		}
		patterns, rest = rest[0], rest[1:]
	}
	re, err := grepPattern(patterns, o)
	if err != nil {
		p.fail("%v", err)
		return 2
	}
	g := &grepRun{process: p, options: o, re: re, most: number(o['m'], -1), named: len(rest) > 1 && o['h'] == "" || o['H'] != ""}
	if code := g.files(rest); code != 0 && (!g.found || o['q'] == "") {
		return 2
	}
	if g.found {
		return 0
	}
	return 1
}

// grepPattern compiles patterns, one a line.
func grepPattern(patterns string, o map[byte]string) (*regexp.Regexp, error) {
	var all []string
	for _, pattern := range strings.Split(patterns, "\n") {
		switch {
		case o['F'] != "":
			pattern = regexp.QuoteMeta(pattern)
		case o['E'] == "":
			pattern = basic(pattern)
		}
		all = append(all, "(?:"+pattern+")")
	}
	pattern := strings.Join(all, "|")
	if o['w'] != "" {
		pattern = `\b(?:` + pattern + `)\b`
	}
	if o['x'] != "" {
		pattern = `^(?:` + pattern + `)$`
	}
	if o['i'] != "" {
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("regular expression '%s' is not in this simulation", patterns)
	}
	return re, nil
}

// grepRun is a search.
type grepRun struct {
	*process
	options map[byte]string
	re      *regexp.Regexp
	most    int  // lines to find in a file, -1 for all
	named   bool // lines begin with the name of their file
	found   bool
}

// files searches the files, or the standard input. Directories are skipped.
func (g *grepRun) files(names []string) int {
	if len(names) == 0 {
		names = []string{"-"}
	}
	code := 0
	for _, name := range names {
		if name == "-" {
			code |= g.file("(standard input)", g.in)
			continue
		}
		f, err := g.process.files.open(absolute(g.dir, name), os.O_RDONLY, 0)
		switch {
		case err != nil && g.options['s'] != "":
			code = 1
		case err != nil:
			code = g.fail("%s: %s", name, strerror(err))
		case !f.n.mode.IsDir():
			code |= g.file(name, f)
		}
	}
	return code
}

// file searches one file.
func (g *grepRun) file(name string, r io.Reader) int {
	o, prefix := g.options, ""
	if g.named {
		prefix = name + ":"
	}
	n, found := 0, 0
	err := g.linesOf(r, func(line string) bool {
		n++
		if g.re.MatchString(line) == (o['v'] != "") {
			return true
		}
		found++
		switch {
		case o['q'] != "" || o['l'] != "":
			return false
		case o['c'] != "":
		case o['o'] != "":
			for _, m := range g.re.FindAllString(line, -1) {
				fmt.Fprintln(g.out, prefix+m)
			}
		case o['n'] != "":
			fmt.Fprintf(g.out, "%s%d:%s\n", prefix, n, line)
		default:
			fmt.Fprintln(g.out, prefix+line)
		}
		return found != g.most
	})
	switch {
	case o['q'] != "":
	case o['l'] != "" && found > 0:
		fmt.Fprintln(g.out, name)
	case o['c'] != "":
		fmt.Fprintf(g.out, "%s%d\n", prefix, found)
	}
	g.found = g.found || found > 0
	if err != nil {
		return g.fail("%s: %s", name, strerror(err))
	}
	return 0
}
