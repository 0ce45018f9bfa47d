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
	Setup   bool   // there is no command: the line defines the function of the short form
	marker  string
}

var (
	uboot = regexp.MustCompile(`^ *echo \w'\w\w:';(?:setenv fl;)?(.*);fl=(\w{6})\$\?;echo \$fl:\$fl\.$`)
	posix = regexp.MustCompile(`^ *echo \w'\w\w:';command eval '(.*)' </dev/null;fl=(\w{6})\$\?;echo "\$fl:\$fl\."$`)
	setup = regexp.MustCompile(`^ *fl\(\)\{.*\};fl (\w{6})$`)
	short = regexp.MustCompile(`^ *fl (\w{6}) '?(.*?)'?$`)
	sync  = regexp.MustCompile(`^ *echo (\w{3})'(\w{3})\.'$`)
)

// Parse parses a line, without its Enter. ok is false if the console waits for no answer to it.
func Parse(line string) (l Line, ok bool) {
	if m := sync.FindStringSubmatch(line); m != nil {
		return Line{Sync: true, marker: m[1] + m[2]}, true
	}
	if m := short.FindStringSubmatch(line); m != nil {
		return Line{Command: unquote(m[2]), marker: m[1]}, true
	}
	if m := setup.FindStringSubmatch(line); m != nil {
		return Line{Setup: true, marker: m[1]}, true
	}
	if m := posix.FindStringSubmatch(line); m != nil {
		return Line{Command: unquote(m[1]), marker: m[2]}, true
	}
	if m := uboot.FindStringSubmatch(line); m != nil {
		return Line{Command: m[1], marker: m[2]}, true
	}
	return Line{}, false
}

func unquote(cmd string) string { return strings.ReplaceAll(cmd, `'\''`, "'") }

// Begin returns what is printed before the output of the command. For a Sync it is the answer.
func (l Line) Begin() string {
	if l.Sync {
		return l.marker + ".\r\n"
	}
	return l.marker + ":\r\n"
}

// End returns what is printed after the output of the command, with its exit code.
func (l Line) End(code string) string {
	return fmt.Sprintf("%s%s:%[1]s%[2]s.\r\n", l.marker, code)
}
