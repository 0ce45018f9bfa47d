package linux

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// sedCommand is one command of sed: its address and what it does.
type sedCommand struct {
	line   int // 0 for any, -1 for the last
	match  *regexp.Regexp
	verb   byte
	re     *regexp.Regexp
	with   string
	global bool
	print  bool
}

// sed has the commands s, p, d and q, with a line number, $ or /RE/ as address.
func sed(p *process) int {
	o, rest, ok := p.options("nrEe:")
	if !ok {
		return 1
	}
	script, given := o['e'], o['e'] != ""
	if !given {
		if len(rest) == 0 {
			return p.usage()
		}
		script, rest = rest[0], rest[1:]
	}
	var all []sedCommand
	for script = strings.TrimSpace(script); script != ""; {
		e, left, err := parseSed(script, o['E'] != "" || o['r'] != "")
		if err != nil {
			return p.fail("%v", err)
		}
		all, script = append(all, e), strings.TrimLeft(left, "; \n\t")
	}
	r := &sedRun{process: p, commands: all, quiet: o['n'] != ""}
	return r.files(rest)
}

// sedRun is a running sed.
type sedRun struct {
	*process
	commands []sedCommand
	quiet    bool
	n        int    // of the line
	pending  string // the line feed of what was printed last, "" if its line had none
	open     bool   // that line had none: it gets one if more is printed
}

// files edits the files as one stream. A line is edited when the next was read: $ is the last.
func (r *sedRun) files(names []string) int {
	var held *string
	more := true
	code := r.each(names, func(_ string, f io.Reader) error {
		in := bufio.NewReader(f)
		for more && r.ctx.Err() == nil {
			line, err := readLine(in)
			if line != "" {
				if held != nil {
					more = r.edit(*held, false)
				}
				if held = &line; !more {
					held = nil
				}
			}
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if held != nil {
		r.edit(*held, true)
	}
	io.WriteString(r.out, r.pending)
	return code
}

// edit runs the commands on a line, and reports whether there is more to do.
func (r *sedRun) edit(line string, last bool) bool {
	line, ended := strings.CutSuffix(line, "\n")
	r.n++
	more := true
	for _, c := range r.commands {
		if c.line > 0 && c.line != r.n || c.line < 0 && !last || c.match != nil && !c.match.MatchString(line) {
			continue
		}
		switch c.verb {
		case 's':
			done := false
			line, done = c.substitute(line)
			if done && c.print {
				r.print(line, ended)
			}
		case 'p': // ends the line, whether the input did or not
			r.print(line, true)
		case 'd':
			return true
		case 'q':
			more = false
		}
		if !more {
			break
		}
	}
	if !r.quiet {
		r.print(line, ended)
	}
	return more
}

// print prints a line, after the line feed of the one before.
func (r *sedRun) print(line string, ended bool) {
	if r.open {
		r.pending = "\n"
	}
	io.WriteString(r.out, r.pending+line)
	if r.pending, r.open = "\n", !ended; r.open {
		r.pending = ""
	}
}

func (e *sedCommand) substitute(line string) (string, bool) {
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

// delimited reads up to a delimiter without a backslash before it.
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

// parseSed reads the first command of a script, and returns the rest.
func parseSed(s string, extended bool) (c sedCommand, rest string, err error) {
	unknown := fmt.Errorf("not in this simulation: %s", s)
	s, ok, err := c.address(s, extended)
	if err != nil {
		return c, "", err
	}
	if s = strings.TrimLeft(s, " "); !ok || s == "" {
		return c, "", unknown
	}
	switch c.verb = s[0]; {
	case strings.IndexByte("pdq", c.verb) >= 0:
		return c, s[1:], nil
	case c.verb == 's' && len(s) > 1:
		rest, err = c.substitution(s[1:], extended)
		return c, rest, err
	}
	return c, "", unknown
}

// address reads the address: a number, $ or /RE/.
func (c *sedCommand) address(s string, extended bool) (rest string, ok bool, err error) {
	switch {
	case s[0] == '$':
		c.line = -1
		return s[1:], true, nil
	case s[0] == '/':
		re, left, ok := delimited(s[1:], '/')
		if !ok {
			return "", false, nil
		}
		c.match, err = compile(re, extended, false)
		return left, true, err
	}
	for s != "" && s[0] >= '0' && s[0] <= '9' {
		c.line, s = 10*c.line+int(s[0]-'0'), s[1:]
	}
	return s, true, nil
}

// substitution reads /RE/TEXT/FLAGS, with any delimiter.
func (c *sedCommand) substitution(s string, extended bool) (rest string, err error) {
	re, left, ok1 := delimited(s[1:], s[0])
	with, left, ok2 := delimited(left, s[0])
	if !ok1 || !ok2 {
		return "", fmt.Errorf("unterminated s")
	}
	rest = strings.TrimLeft(left, "gpI")
	flags := left[:len(left)-len(rest)]
	c.with, c.global, c.print = with, strings.Contains(flags, "g"), strings.Contains(flags, "p")
	c.re, err = compile(re, extended, strings.Contains(flags, "I"))
	return rest, err
}

// compile compiles a regular expression of sed.
func compile(re string, extended, anyCase bool) (*regexp.Regexp, error) {
	if !extended {
		re = basic(re)
	}
	if anyCase {
		re = "(?i)" + re
	}
	return regexp.Compile(re)
}
