// Package consoletest serves tests that play a board at the other end of a console's wire. It owns the parsing of
// framed commands, and a Board that answers them; it does not know what the commands mean.
package consoletest

import (
	"fmt"
	"regexp"
	"strings"
)

// Line is one line as a console types it.
type Line struct {
	Command string // the framed command, unquoted
	Sync    bool   // there is no command: the console only checks that the interpreter answers
	a, b    string // the halves of the marker
}

var (
	uboot = regexp.MustCompile(`^ *echo '(\w{3})''(\w{3}):b';setenv fl;(.*);fl=\w{3}:\$\?;echo '\w{3}'\$fl:\$fl:e$`)
	posix = regexp.MustCompile(`^ *echo '(\w{3})''(\w{3}):b';command eval '(.*)' </dev/null;fl=\w{3}:\$\?;echo '\w{3}'\$fl:\$fl:e$`)
	short = regexp.MustCompile(`^ *fl (\w{3})(\w{3}) '?(.*?)'?$`)
	sync  = regexp.MustCompile(`^ *echo '(\w{3})''(\w{3}):s'$`)
)

// Parse parses a line, without its Enter. ok is false if the console waits for no answer to it.
func Parse(line string) (l Line, ok bool) {
	if m := sync.FindStringSubmatch(line); m != nil {
		return Line{Sync: true, a: m[1], b: m[2]}, true
	}
	if m := uboot.FindStringSubmatch(line); m != nil {
		return Line{Command: m[3], a: m[1], b: m[2]}, true
	}
	for _, form := range []*regexp.Regexp{posix, short} {
		if m := form.FindStringSubmatch(line); m != nil {
			return Line{Command: strings.ReplaceAll(m[3], `'\''`, "'"), a: m[1], b: m[2]}, true
		}
	}
	return Line{}, false
}

// Begin returns what is printed before the output of the command. For a Sync it is the answer.
func (l Line) Begin() string {
	if l.Sync {
		return l.a + l.b + ":s\r\n"
	}
	return l.a + l.b + ":b\r\n"
}

// End returns what is printed after the output of the command, with its exit code.
func (l Line) End(code string) string {
	return fmt.Sprintf("%s%s:%s:%[2]s:%[3]s:e\r\n", l.a, l.b, code)
}
