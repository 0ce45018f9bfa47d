package console

import "unicode/utf8"

// shown returns what a terminal shows of buf, and the index in buf of each byte of it. It leaves out what prints
// nothing: CSI; OSC, DCS, SOS, PM and APC up to BEL or ST; ESC with intermediate bytes; ESC and one byte (the
// forms of ECMA-48 and of xterm's control sequences); a sequence at the end that is not complete; control bytes;
// carriage returns, except in a line end. A backspace removes the character before it. If buf has nothing of this,
// indexes is nil: text is buf.
func shown(buf []byte) (text []byte, indexes []int) {
	if !hasInvisible(buf) {
		return buf, nil
	}
	return show(buf, false)
}

// show is shown, with or without the carriage returns that are no line end.
func show(buf []byte, returns bool) (text []byte, indexes []int) {
	text, indexes = make([]byte, 0, len(buf)), make([]int, 0, len(buf))
	for i := 0; i < len(buf); {
		switch n := invisible(buf[i:]); {
		case n > 0 && (buf[i] != '\r' || !returns):
			i += n
		case buf[i] == backspace:
			n := lastRune(text)
			text, indexes = text[:len(text)-n], indexes[:len(indexes)-n]
			i++
		default:
			text, indexes = append(text, buf[i]), append(indexes, i)
			i++
		}
	}
	return text, indexes
}

const (
	bell      = 0x07
	backspace = 0x08
	escape    = 0x1b
	del       = 0x7f

	maxSequence      = 64   // bytes of an escape sequence; a longer one is none
	maxControlString = 1024 // bytes of an OSC, DCS, SOS, PM or APC; a longer one is none
)

// hasInvisible reports whether a terminal shows less than buf.
func hasInvisible(buf []byte) bool {
	for i, c := range buf {
		if c < ' ' && c != '\n' && c != '\t' && (c != '\r' || !isLineEnd(buf[i:])) || c == del {
			return true
		}
	}
	return false
}

// isLineEnd reports whether b, which begins with a carriage return, begins with a line end.
func isLineEnd(b []byte) bool {
	for i, c := range b {
		if c != '\r' {
			return c == '\n' && i > 0
		}
	}
	return false
}

// lastRune returns the length of the last character of the line that text ends with.
func lastRune(text []byte) int {
	if len(text) == 0 || text[len(text)-1] == '\n' {
		return 0
	}
	_, n := utf8.DecodeLastRune(text)
	return n
}

// invisible returns how many bytes at the beginning of b print nothing. All of b may be a sequence that is not
// complete.
func invisible(b []byte) int {
	switch c := b[0]; {
	case c == '\r' && isLineEnd(b), c == '\n', c == '\t', c == backspace:
		return 0
	case c == escape:
		n, complete := sequence(b)
		if !complete {
			return len(b)
		}
		return n
	case c < ' ' || c == del:
		return 1
	}
	return 0
}

// sequence returns the length of the escape sequence at the beginning of b, and whether it is complete. If the
// bytes after ESC are none, the length is 1: a terminal shows them.
func sequence(b []byte) (n int, complete bool) {
	if len(b) == 1 {
		return 0, false
	}
	switch c := b[1]; {
	case c == '[':
		return csi(b)
	case c == ']' || c == 'P' || c == '^' || c == '_' || c == 'X':
		return controlString(b)
	case c >= ' ' && c <= '/':
		return withIntermediate(b)
	case c >= '0' && c <= '~':
		return 2, true
	}
	return 1, true
}

// csi is sequence of CSI: parameters, intermediate bytes, a final byte.
func csi(b []byte) (n int, complete bool) {
	i := 2
	for i < len(b) && b[i] >= '0' && b[i] <= '?' {
		i++
	}
	for i < len(b) && b[i] >= ' ' && b[i] <= '/' {
		i++
	}
	switch {
	case i >= maxSequence:
		return 1, true
	case i == len(b):
		return 0, false
	case b[i] >= '@' && b[i] <= '~':
		return i + 1, true
	}
	return 1, true
}

// withIntermediate is sequence of ESC, intermediate bytes, a final byte.
func withIntermediate(b []byte) (n int, complete bool) {
	for i := 2; i < min(len(b), maxSequence); i++ {
		switch c := b[i]; {
		case c >= '0' && c <= '~':
			return i + 1, true
		case c < ' ' || c > '/':
			return 1, true
		}
	}
	return 1, len(b) >= maxSequence
}

// controlString is sequence of OSC, DCS, SOS, PM and APC.
func controlString(b []byte) (n int, complete bool) {
	for i := 2; i < len(b); i++ {
		switch c := b[i]; {
		case i >= maxControlString:
			return 1, true
		case c == bell:
			return i + 1, true
		case c == escape && i+1 == len(b):
			return 0, false
		case c == escape && b[i+1] == '\\':
			return i + 2, true
		case c == escape: // another sequence cancels it
			return i, true
		case c < ' ':
			return 1, true
		}
	}
	return 0, false
}
