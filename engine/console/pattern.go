package console

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// Pattern is something to wait for. It lies within one line and is at most 4 KiB long. It is searched in the bytes that
// came, and then in what a terminal shows of them: colours, titles and other sequences may lie within a match.
type Pattern struct {
	text              string
	re                *regexp.Regexp
	endsStream        bool  // text must be the end of the stream
	acrossKernelLines bool  // a line of the kernel may lie within the match
	settles           bool  // a match at the end of the stream may grow: it counts once nothing follows for a moment
	echo              *echo // what is looked for is an echo
}

// Text returns the pattern of a literal, found anywhere.
func Text(s string) Pattern { return Pattern{text: s} }

// Prompt returns the pattern of a literal at the end of the stream: nothing follows it for a moment. What prints
// nothing, and blanks after it, do not count.
func Prompt(s string) Pattern { return Pattern{text: s, endsStream: true} }

// Regexp returns the pattern of a regular expression, matched line by line. It panics if s is not one.
func Regexp(s string) Pattern { return Pattern{re: regexp.MustCompile(s)} }

// ParseRegexp returns the pattern of a regular expression of a script, in the syntax of package regexp, matched line by
// line. A match at the end of what has come counts once nothing follows it for a moment: the rest of a number may
// still be on its way. An expression that matches the empty text is an error.
func ParseRegexp(s string) (Pattern, error) {
	re, err := regexp.Compile(s)
	var wrong *syntax.Error
	switch {
	case errors.As(err, &wrong):
		return Pattern{}, fmt.Errorf("%q is no regular expression: %s at %q", s, wrong.Code, wrong.Expr)
	case err != nil:
		return Pattern{}, err
	case re.MatchString(""):
		return Pattern{}, fmt.Errorf("%q matches the empty text", s)
	}
	return Pattern{re: re, settles: true}, nil
}

// regexpAcrossKernelLines is Regexp, but its matches may have lines of the kernel within.
func regexpAcrossKernelLines(s string) Pattern {
	return Pattern{re: regexp.MustCompile(s), acrossKernelLines: true}
}

// String returns the pattern for people: "login:", /U-Boot 20\d\d/.
func (p Pattern) String() string {
	if p.echo != nil {
		return p.echo.String()
	}
	if p.re != nil {
		return "/" + p.re.String() + "/"
	}
	return fmt.Sprintf("%q", p.text)
}

// find returns the indexes of the first match in buf and of its groups, nil if there is none. The bytes before
// fresh were searched earlier.
func (p Pattern) find(buf []byte, fresh int) []int {
	if p.echo != nil {
		return p.echo.find(buf)
	}
	if m := p.findBytes(buf, fresh); m != nil {
		return m
	}
	from := max(0, fresh-maxMatch)
	if line := bytes.LastIndexByte(buf[:fresh], '\n') + 1; line > from {
		from = line
	}
	text, indexes := shown(buf[from:])
	if indexes == nil {
		return nil
	}
	m := p.findBytes(text, 0)
	for i := 0; i+1 < len(m); i += 2 {
		if m[i] >= 0 {
			m[i], m[i+1] = rawRange(m[i], m[i+1], indexes)
			m[i], m[i+1] = from+m[i], from+m[i+1]
		}
	}
	return m
}

// rawRange returns where the bytes from start to end of a shown text lie, whose indexes shown returned. An empty range
// lies after the byte before it.
func rawRange(start, end int, indexes []int) (rawStart, rawEnd int) {
	switch {
	case start < end:
		return indexes[start], indexes[end-1] + 1
	case start > 0:
		return indexes[start-1] + 1, indexes[start-1] + 1
	}
	return 0, 0
}

// findBytes is find in the bytes as they are.
func (p Pattern) findBytes(buf []byte, fresh int) []int {
	switch {
	case p.endsStream:
		return p.findAtEnd(buf)
	case p.re == nil:
		return p.findText(buf, max(0, fresh-len(p.text)+1))
	}
	from := max(bytes.LastIndexByte(buf[:fresh], '\n')+1, fresh-maxMatch)
	m := p.re.FindSubmatchIndex(buf[from:])
	if m == nil && p.acrossKernelLines {
		from = max(0, fresh-maxMatch)
		m = p.findAcrossKernelLines(buf[from:])
	}
	for i := range m {
		if m[i] >= 0 {
			m[i] += from
		}
	}
	return m
}

// findText finds the literal in buf[from:]. Inside an escape sequence, which a terminal does not show, it is none.
func (p Pattern) findText(buf []byte, from int) []int {
	for {
		i := bytes.Index(buf[from:], []byte(p.text))
		if i < 0 {
			return nil
		}
		from += i
		if !insideSequence(buf, from) {
			return []int{from, from + len(p.text)}
		}
		from++
	}
}

// insideSequence reports whether buf[at] belongs to an escape sequence that began before it.
func insideSequence(buf []byte, at int) bool {
	from := max(0, at-maxControlString)
	i := bytes.LastIndexByte(buf[from:at], escape)
	if i < 0 {
		return false
	}
	n, complete := sequence(buf[from+i:])
	return !complete || from+i+n > at
}

// findAtEnd finds the literal at the end of buf.
func (p Pattern) findAtEnd(buf []byte) []int {
	end := len(buf)
	if !strings.HasSuffix(p.text, " ") {
		end = len(bytes.TrimRight(buf[:end], " "))
	}
	if p.text != "" && bytes.HasSuffix(buf[:end], []byte(p.text)) {
		return []int{end - len(p.text), end}
	}
	return nil
}

// findAcrossKernelLines searches buf without the kernel's lines, and returns indexes into buf.
func (p Pattern) findAcrossKernelLines(buf []byte) []int {
	lines := kernelLines(buf)
	if lines == nil {
		return nil
	}
	m := p.re.FindSubmatchIndex(removeLines(buf, lines))
	for i := range m {
		switch {
		case m[i] < 0:
		case i%2 == 0:
			m[i] = originalIndex(m[i], lines)
		default:
			m[i] = originalIndex(m[i]-1, lines) + 1
		}
	}
	return m
}

// groups returns what a terminal shows of the groups of a match, without the kernel's lines.
func groups(buf []byte, m []int) []string {
	var texts []string
	for i := 2; i+1 < len(m); i += 2 {
		if m[i] < 0 {
			texts = append(texts, "")
			continue
		}
		group, _ := shown(buf[m[i]:m[i+1]])
		texts = append(texts, string(removeLines(group, kernelLines(group))))
	}
	return texts
}
