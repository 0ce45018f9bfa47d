package linux

import (
	"fmt"
	"regexp"
	"strings"
)

// editing is one command of sed: what lines it is for, and what it does.
type editing struct {
	line   int // 0 for any, -1 for the last
	match  *regexp.Regexp
	verb   byte
	re     *regexp.Regexp
	with   string
	global bool
	print  bool
}

// sed knows s, p, d and q, with a line number, $ or /RE/ before them.
func sed(p *process) int {
	o, rest, ok := p.options("nrEe:")
	if !ok {
		return 1
	}
	script, given := o['e'], o['e'] != ""
	if !given {
		if len(rest) == 0 {
			return p.fail("no script")
		}
		script, rest = rest[0], rest[1:]
	}
	var all []editing
	for script = strings.TrimSpace(script); script != ""; {
		e, left, err := editingOf(script, o['E'] != "" || o['r'] != "")
		if err != nil {
			return p.fail("%v", err)
		}
		all, script = append(all, e), strings.TrimLeft(left, "; \n\t")
	}
	n, quiet := 0, o['n'] != ""
	var held *string
	edit := func(line string, last bool) bool {
		n++
		more := true
		for _, e := range all {
			if e.line > 0 && e.line != n || e.line < 0 && !last || e.match != nil && !e.match.MatchString(line) {
				continue
			}
			switch e.verb {
			case 's':
				done := false
				line, done = e.substitute(line)
				if done && e.print {
					fmt.Fprintln(p.out, line)
				}
			case 'p':
				fmt.Fprintln(p.out, line)
			case 'd':
				return true
			case 'q':
				more = false
			}
		}
		if !quiet {
			fmt.Fprintln(p.out, line)
		}
		return more
	}
	code := p.lines(rest, func(line string) bool { // one behind, to know the last
		more := true
		if held != nil {
			more = edit(*held, false)
		}
		held = &line
		if !more {
			held = nil
		}
		return more
	})
	if held != nil {
		edit(*held, true)
	}
	return code
}

func (e *editing) substitute(line string) (string, bool) {
	n := 1
	if e.global {
		n = -1
	}
	found := e.re.FindAllStringSubmatchIndex(line, n)
	if found == nil {
		return line, false
	}
	var b strings.Builder
	at := 0
	for _, m := range found {
		b.WriteString(line[at:m[0]])
		for i := 0; i < len(e.with); i++ {
			c := e.with[i]
			switch {
			case c == '&':
				b.WriteString(line[m[0]:m[1]])
			case c == '\\' && i+1 < len(e.with):
				i++
				switch g := int(e.with[i]) - '0'; {
				case g >= 0 && g <= 9:
					if 2*g+1 < len(m) && m[2*g] >= 0 {
						b.WriteString(line[m[2*g]:m[2*g+1]])
					}
				case e.with[i] == 'n':
					b.WriteByte('\n')
				default:
					b.WriteByte(e.with[i])
				}
			default:
				b.WriteByte(c)
			}
		}
		at = m[1]
	}
	return b.String() + line[at:], true
}

// delimited reads up to a delimiter that no backslash stands before.
func delimited(s string, by byte) (part, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == by:
			b.WriteByte(by)
			i++
		case s[i] == '\\' && i+1 < len(s):
			b.WriteString(s[i : i+2])
			i++
		case s[i] == by:
			return b.String(), s[i+1:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

func editingOf(s string, extended bool) (e editing, rest string, err error) {
	compile := func(re string) (*regexp.Regexp, error) {
		if !extended {
			re = basic(re)
		}
		return regexp.Compile(re)
	}
	unknown := fmt.Errorf("not in this simulation: %s", s)
	switch {
	case s[0] == '$':
		e.line, s = -1, s[1:]
	case s[0] == '/':
		re, left, ok := delimited(s[1:], '/')
		if !ok {
			return e, "", unknown
		}
		if e.match, err = compile(re); err != nil {
			return e, "", err
		}
		s = left
	case s[0] >= '1' && s[0] <= '9':
		for s != "" && s[0] >= '0' && s[0] <= '9' {
			e.line, s = 10*e.line+int(s[0]-'0'), s[1:]
		}
	}
	s = strings.TrimLeft(s, " ")
	if s == "" {
		return e, "", unknown
	}
	switch e.verb = s[0]; e.verb {
	case 'p', 'd', 'q':
		return e, s[1:], nil
	case 's':
		if len(s) < 2 {
			return e, "", unknown
		}
		re, left, ok1 := delimited(s[2:], s[1])
		with, left, ok2 := delimited(left, s[1])
		if !ok1 || !ok2 {
			return e, "", fmt.Errorf("unterminated s")
		}
		flags := 0
		for flags < len(left) && strings.IndexByte("gpI", left[flags]) >= 0 {
			flags++
		}
		e.with, e.global, e.print = with, strings.Contains(left[:flags], "g"), strings.Contains(left[:flags], "p")
		if strings.Contains(left[:flags], "I") {
			re = "(?i)" + re
		}
		e.re, err = compile(re)
		return e, left[flags:], err
	}
	return e, "", unknown
}
