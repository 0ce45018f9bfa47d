package linux

import (
	"strconv"
	"strings"
)

// unescape reads \n, \t, \101, \x41 and the like. forEcho adds those of echo: \0101, and \c, which ends the
// output. more is false after a \c.
func unescape(text string, forEcho bool) (out []byte, more bool) {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out = append(out, text[i])
			continue
		}
		i++
		switch c := text[i]; {
		case strings.IndexByte("abfnrtv", c) >= 0:
			out = append(out, "\a\b\f\n\r\t\v"[strings.IndexByte("abfnrtv", c)])
		case c == '\\':
			out = append(out, c)
		case c == 'c' && forEcho:
			return out, false
		case c == 'x':
			n := digits(text[i+1:], 2, 16)
			if n == 0 {
				out = append(out, '\\', 'x')
				continue
			}
			v, _ := strconv.ParseUint(text[i+1:i+1+n], 16, 8)
			out = append(out, byte(v))
			i += n
		default:
			if forEcho && c == '0' && digits(text[i+1:], 1, 8) > 0 {
				i++
			}
			n := digits(text[i:], 3, 8)
			if n == 0 {
				out = append(out, '\\', c)
				continue
			}
			v, _ := strconv.ParseUint(text[i:i+n], 8, 16)
			out = append(out, byte(v))
			i += n - 1
		}
	}
	return out, true
}

// digits returns how many digits of a base, at most most, a text begins with.
func digits(text string, most, base int) int {
	n := 0
	for n < most && n < len(text) {
		if _, err := strconv.ParseUint(text[n:n+1], base, 8); err != nil {
			break
		}
		n++
	}
	return n
}
