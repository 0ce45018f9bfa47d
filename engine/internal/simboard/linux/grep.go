package linux

import (
	"fmt"
	"regexp"
	"strings"
)

// basic makes an extended regular expression of a basic one, as far as Go's can say it.
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
	pattern, given := o['e'], o['e'] != ""
	if !given {
		if len(rest) == 0 {
			p.fail("no pattern")
			return 2
		}
		pattern, rest = rest[0], rest[1:]
	}
	switch {
	case o['F'] != "":
		pattern = regexp.QuoteMeta(pattern)
	case o['E'] == "":
		pattern = basic(pattern)
	}
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
		p.fail("bad regex '%s'", pattern)
		return 2
	}
	found, n, most := 0, 0, number(o['m'], -1)
	code := p.lines(rest, func(line string) bool {
		n++
		if re.MatchString(line) == (o['v'] != "") {
			return true
		}
		found++
		switch {
		case o['q'] != "":
			return false
		case o['c'] != "" || o['l'] != "":
		case o['o'] != "":
			for _, m := range re.FindAllString(line, -1) {
				fmt.Fprintln(p.out, m)
			}
		case o['n'] != "":
			fmt.Fprintf(p.out, "%d:%s\n", n, line)
		default:
			fmt.Fprintln(p.out, line)
		}
		return found != most
	})
	if o['c'] != "" {
		fmt.Fprintln(p.out, found)
	}
	switch {
	case found > 0:
		return 0
	case code != 0:
		return 2
	}
	return 1
}
