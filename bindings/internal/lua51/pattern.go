package lua51

import (
	"context"
	"strings"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// Lua 5.1's patterns, with a bound on their work: gopher-lua's own get %f and empty patterns wrong, and neither ends a
// search that has no end.

const (
	maxCaptures     = 32
	maxNesting      = 200        // of captures and alternatives in one match
	MaxPatternSteps = 20_000_000 // in one call of a string function; some tenths of a second
	contextInterval = 1 << 16    // steps between two checks of the context
	countInterval   = 64         // steps that are reported to the watchdog at once
)

const (
	errPatternWork  = patternFault("the pattern needs too many steps on this text")
	errPatternDeep  = patternFault("the pattern is too complex")
	errPatternEnds  = patternFault("malformed pattern (ends with '%')")
	errPatternClass = patternFault("malformed pattern (missing ']')")
	errPatternB     = patternFault("malformed pattern (missing arguments to '%b')")
	errPatternF     = patternFault("malformed pattern (missing '[' after '%f')")
	errCaptureMany  = patternFault("too many captures")
	errCaptureOpen  = patternFault("unfinished capture")
	errCaptureIndex = patternFault("invalid capture index")
	errCaptureEnd   = patternFault("invalid pattern capture")
)

// patternFault is what is wrong with a pattern.
type patternFault string

func (f patternFault) Error() string { return string(f) }

// Lengths of a capture that has none.
const (
	openCapture     = -1
	positionCapture = -2
)

type caught struct{ from, length int }

// matcher is one search. Its methods give up by panicking with an error, which match catches.
type matcher struct {
	ctx      context.Context
	watchdog *vm.Watchdog
	src, pat string
	captures []caught
	steps    int
	depth    int
}

type matchPanic struct{ error }

func (m *matcher) fail(err error) { panic(matchPanic{err}) }

// step counts work.
func (m *matcher) step() {
	if m.steps++; m.steps%countInterval != 0 {
		return
	}
	m.watchdog.Work(countInterval, 0)
	if m.steps%contextInterval == 0 {
		if err := context.Cause(m.ctx); err != nil {
			m.fail(err)
		}
		if m.steps > MaxPatternSteps {
			m.fail(errPatternWork)
		}
	}
}

// matchAt matches the pattern at exactly s and returns where the match ends, -1 if there is none.
func (m *matcher) matchAt(s int) (end int, err error) {
	defer func() {
		if p, ok := recover().(matchPanic); ok {
			err = p.error
		}
	}()
	m.captures, m.depth = m.captures[:0], 0
	p := 0
	if strings.HasPrefix(m.pat, "^") {
		p = 1
	}
	return m.match(s, p), nil
}

// find looks for the pattern from s on, at every place unless it is anchored.
func (m *matcher) find(s int) (from, to int, err error) {
	for ; s <= len(m.src); s++ {
		end, err := m.matchAt(s)
		if err != nil || end >= 0 {
			return s, end, err
		}
		if strings.HasPrefix(m.pat, "^") {
			break
		}
	}
	return 0, -1, nil
}

// match matches the pattern from p on against the text from s on.
func (m *matcher) match(s, p int) int {
	if m.depth++; m.depth > maxNesting {
		m.fail(errPatternDeep)
	}
	defer func() { m.depth-- }()
	for p < len(m.pat) {
		m.step()
		switch c := m.pat[p]; {
		case c == '(':
			if p+1 < len(m.pat) && m.pat[p+1] == ')' {
				return m.startCapture(s, p+2, positionCapture)
			}
			return m.startCapture(s, p+1, openCapture)
		case c == ')':
			return m.endCapture(s, p+1)
		case c == '$' && p+1 == len(m.pat):
			if s == len(m.src) {
				return s
			}
			return -1
		case c == '%' && p+1 < len(m.pat) && m.pat[p+1] == 'b':
			if s = m.matchBalance(s, p+2); s < 0 {
				return -1
			}
			p += 4
			continue
		case c == '%' && p+1 < len(m.pat) && m.pat[p+1] == 'f':
			set := p + 2
			if set >= len(m.pat) || m.pat[set] != '[' {
				m.fail(errPatternF)
			}
			next := m.classEnd(set)
			if m.inSet(m.at(s-1), set, next-1) || !m.inSet(m.at(s), set, next-1) {
				return -1
			}
			p = next
			continue
		case c == '%' && p+1 < len(m.pat) && m.pat[p+1] >= '0' && m.pat[p+1] <= '9':
			if s = m.matchCapture(s, int(m.pat[p+1])); s < 0 {
				return -1
			}
			p += 2
			continue
		}
		next := m.classEnd(p)
		suffix := byte(0)
		if next < len(m.pat) {
			suffix = m.pat[next]
		}
		switch suffix {
		case '?':
			if m.singleMatch(s, p, next) {
				if end := m.match(s+1, next+1); end >= 0 {
					return end
				}
			}
			p = next + 1
		case '*':
			return m.maxExpand(s, s, p, next)
		case '+':
			if !m.singleMatch(s, p, next) {
				return -1
			}
			return m.maxExpand(s, s+1, p, next)
		case '-':
			return m.minExpand(s, p, next)
		default:
			if !m.singleMatch(s, p, next) {
				return -1
			}
			s, p = s+1, next
		}
	}
	return s
}

// at is the byte at s; before and behind the text there is a zero.
func (m *matcher) at(s int) byte {
	if s < 0 || s >= len(m.src) {
		return 0
	}
	return m.src[s]
}

// classEnd gives the end of the single character class that begins at p.
func (m *matcher) classEnd(p int) int {
	c := m.pat[p]
	p++
	switch c {
	case '%':
		if p == len(m.pat) {
			m.fail(errPatternEnds)
		}
		return p + 1
	case '[':
		if p < len(m.pat) && m.pat[p] == '^' {
			p++
		}
		for first := true; first || p >= len(m.pat) || m.pat[p] != ']'; first = false {
			if p >= len(m.pat) {
				m.fail(errPatternClass)
			}
			if m.pat[p] == '%' && p+1 < len(m.pat) {
				p++
			}
			p++
		}
		return p + 1
	}
	return p
}

// singleMatch reports whether the byte at s is of the class from p to next.
func (m *matcher) singleMatch(s, p, next int) bool {
	if s >= len(m.src) {
		return false
	}
	c := m.src[s]
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pat[p+1])
	case '[':
		return m.inSet(c, p, next-1)
	}
	return m.pat[p] == c
}

// inSet reports whether c is in the set that begins at p and whose ] is at end.
func (m *matcher) inSet(c byte, p, end int) bool {
	in := true
	if p++; m.pat[p] == '^' {
		in, p = false, p+1
	}
	for ; p < end; p++ {
		switch {
		case m.pat[p] == '%':
			if p++; inClass(c, m.pat[p]) {
				return in
			}
		case p+2 < end && m.pat[p+1] == '-':
			if m.pat[p] <= c && c <= m.pat[p+2] {
				return in
			}
			p += 2
		case m.pat[p] == c:
			return in
		}
	}
	return !in
}

// inClass reports whether c is of the class %class, which an upper case letter turns round.
func inClass(c, class byte) bool {
	lower := class | 0x20
	var in bool
	switch lower {
	case 'a':
		in = isLetter(c)
	case 'c':
		in = c < ' ' || c == 0x7f
	case 'd':
		in = isDigit(c)
	case 'l':
		in = c >= 'a' && c <= 'z'
	case 'p':
		in = c > ' ' && c < 0x7f && !isLetter(c) && !isDigit(c)
	case 's':
		in = c == ' ' || c >= '\t' && c <= '\r'
	case 'u':
		in = c >= 'A' && c <= 'Z'
	case 'w':
		in = isLetter(c) || isDigit(c)
	case 'x':
		in = isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
	case 'z':
		in = c == 0
	default:
		return class == c
	}
	return in == (class >= 'a')
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// maxExpand takes as many as there are, then gives back until the rest matches. The first s to least are needed.
func (m *matcher) maxExpand(s, least, p, next int) int {
	end := s
	for m.singleMatch(end, p, next) {
		m.step()
		end++
	}
	for ; end >= least; end-- {
		m.step()
		if e := m.match(end, next+1); e >= 0 {
			return e
		}
	}
	return -1
}

// minExpand takes as few as the rest needs.
func (m *matcher) minExpand(s, p, next int) int {
	for {
		m.step()
		if e := m.match(s, next+1); e >= 0 {
			return e
		}
		if !m.singleMatch(s, p, next) {
			return -1
		}
		s++
	}
}

// startCapture opens a capture.
func (m *matcher) startCapture(s, p, length int) int {
	if len(m.captures) == maxCaptures {
		m.fail(errCaptureMany)
	}
	n := len(m.captures)
	m.captures = append(m.captures, caught{s, length})
	end := m.match(s, p)
	if end < 0 {
		m.captures = m.captures[:n]
	}
	return end
}

// endCapture closes the capture that was opened last.
func (m *matcher) endCapture(s, p int) int {
	n := len(m.captures) - 1
	for n >= 0 && m.captures[n].length != openCapture {
		n--
	}
	if n < 0 {
		m.fail(errCaptureEnd)
	}
	m.captures[n].length = s - m.captures[n].from
	end := m.match(s, p)
	if end < 0 {
		m.captures[n].length = openCapture
	}
	return end
}

// matchBalance matches %bxy, whose x is at p.
func (m *matcher) matchBalance(s, p int) int {
	if p+1 >= len(m.pat) {
		m.fail(errPatternB)
	}
	if s >= len(m.src) || m.src[s] != m.pat[p] {
		return -1
	}
	level := 1
	for i := s + 1; i < len(m.src); i++ {
		m.step()
		switch m.src[i] {
		case m.pat[p+1]:
			if level--; level == 0 {
				return i + 1
			}
		case m.pat[p]:
			level++
		}
	}
	return -1
}

// matchCapture matches %1 to %9, the text of an earlier capture.
func (m *matcher) matchCapture(s, digit int) int {
	n := digit - '1'
	if n < 0 || n >= len(m.captures) || m.captures[n].length == openCapture {
		m.fail(errCaptureIndex)
	}
	text := m.text(n)
	if m.captures[n].length == positionCapture || !strings.HasPrefix(m.src[s:], text) {
		return -1
	}
	return s + len(text)
}

// text is what capture n holds, "" if that is a position.
func (m *matcher) text(n int) string {
	c := m.captures[n]
	return m.src[c.from : c.from+max(c.length, 0)]
}

// CheckPattern returns what is wrong with a Lua pattern, nil if it is valid.
func CheckPattern(p string) (err error) {
	m := &matcher{pat: p}
	defer func() {
		if g, ok := recover().(matchPanic); ok {
			err = g.error
		}
	}()
	open := 0
	for i := 0; i < len(p); {
		switch {
		case p[i] == '(':
			open++
			i++
		case p[i] == ')':
			if open--; open < 0 {
				return errCaptureEnd
			}
			i++
		case p[i] == '%' && i+1 < len(p) && p[i+1] == 'b':
			if i+3 >= len(p) {
				return errPatternB
			}
			i += 4
		case p[i] == '%' && i+1 < len(p) && p[i+1] == 'f':
			if i+2 >= len(p) || p[i+2] != '[' {
				return errPatternF
			}
			i = m.classEnd(i + 2)
		default:
			i = m.classEnd(i)
		}
	}
	if open > 0 {
		return errCaptureOpen
	}
	return nil
}
