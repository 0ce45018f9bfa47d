// Package consoletest understands the lines that a console types, for fakes at the other end of its wire. It knows how
// commands are framed, and no board.
package consoletest

import (
	"fmt"
	"regexp"
	"strings"
)

// Line is one line as a console types it.
type Line struct {
	Command string // of a framed one, unquoted
	Sync    bool   // it only asks whether somebody answers
	a, b    string
}

var (
	hush  = regexp.MustCompile(`^ *echo '(\w{3})''(\w{3}):b';setenv fl;(.*);fl=\w{3}:\$\?;echo '\w{3}'\$fl:\$fl:e$`)
	posix = regexp.MustCompile(`^ *echo '(\w{3})''(\w{3}):b';command eval '(.*)' </dev/null;fl=\w{3}:\$\?;echo '\w{3}'\$fl:\$fl:e$`)
	short = regexp.MustCompile(`^ *fl (\w{3})(\w{3}) '?(.*?)'?$`)
	sync  = regexp.MustCompile(`^ *echo '(\w{3})''(\w{3}):s'$`)
)

// Parse reads a line, without its Enter. It is not ok if nobody waits for an answer to it.
func Parse(line string) (l Line, ok bool) {
	if m := sync.FindStringSubmatch(line); m != nil {
		return Line{Sync: true, a: m[1], b: m[2]}, true
	}
	if m := hush.FindStringSubmatch(line); m != nil {
		return Line{Command: m[3], a: m[1], b: m[2]}, true
	}
	for _, form := range []*regexp.Regexp{posix, short} {
		if m := form.FindStringSubmatch(line); m != nil {
			return Line{Command: strings.ReplaceAll(m[3], `'\''`, "'"), a: m[1], b: m[2]}, true
		}
	}
	return Line{}, false
}

// Begin is what is printed before the output of the command. For a Sync it is the answer.
func (l Line) Begin() string {
	if l.Sync {
		return l.a + l.b + ":s\r\n"
	}
	return l.a + l.b + ":b\r\n"
}

// End is what is printed behind the output of the command, with its exit code.
func (l Line) End(code string) string {
	return fmt.Sprintf("%s%s:%s:%[2]s:%[3]s:e\r\n", l.a, l.b, code)
}
