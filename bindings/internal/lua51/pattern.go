package lua51

import (
	"context"
	"strings"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// Lua 5.1's patterns, with a limit of their work. gopher-lua's own get %f and empty patterns wrong, and have no
// limit.

const (
	maxCaptures     = 32
	maxNesting      = 200        // of captures and alternatives in one match
	MaxPatternSteps = 20_000_000 // in one call of a string function: some tenths of a second
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

// patternFault is the error of a malformed pattern, or of one that needs too much work.
type patternFault string

func (f patternFault) Error() string { return string(f) }

// Values of caught.length that are not lengths.
const (
	openCapture     = -1
	positionCapture = -2
)

type caught struct{ from, length int }

// matcher searches a text for a pattern. Its methods panic with a matchPanic, which matchAt turns into an error.
type matcher struct {
	ctx      context.Context
	watchdog *vm.Watchdog
	src, pat string
	captures []caught
	steps    int
	depth    int
}

type matchPanic struct{ error }

// fail ends the match with an error.
func (m *matcher) fail(err error) { panic(matchPanic{err}) }

// step counts a step of work. From time to time it checks the limits and the context.
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

// matchAt matches the pattern at s and returns the end of the match, -1 if there is none.
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

// find searches for the pattern from s on; an anchored one only at s. Without a match, to is -1.
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

// match matches the pattern from p on against the text from s on. It returns the end of the match, -1 if there is
// none.
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

// at returns the byte at s, 0 before and after the text.
func (m *matcher) at(s int) byte {
	if s < 0 || s >= len(m.src) {
		return 0
	}
	return m.src[s]
}

// maxExpand matches as many bytes of the class as possible, and then fewer until the rest of the pattern matches,
// but at least those up to least.
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

// minExpand matches as few bytes of the class as the rest of the pattern allows.
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

// startCapture opens a capture and matches the rest.
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

// endCapture closes the capture that was opened last and matches the rest.
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

// text returns the text of capture n, "" if it is a position.
func (m *matcher) text(n int) string {
	c := m.captures[n]
	return m.src[c.from : c.from+max(c.length, 0)]
}
