// Package visible makes the texts of boards, scripts and servers harmless in terminals, logs, pages and XML. It owns
// which characters are shown as they are. It does not know markup: HTML and XML are escaped by those who write them.
// Its functions are safe for concurrent use. It is not meant for embedders.
package visible

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text makes a text harmless: bytes that are no UTF-8, control characters and
// characters that change the order of others become visible escapes. Line ends and tabs stay. What it returns has
// only characters that XML permits.
func Text(text string) string {
	if isPlain(text) {
		return text
	}
	var b strings.Builder
	for text != "" {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case Is(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		text = text[n:]
	}
	return b.String()
}

// Is reports whether Text leaves a character as it is.
func Is(r rune) bool { return r == '\n' || r == '\t' || unicode.IsGraphic(r) }

// isPlain reports whether a text has only printable ASCII, line ends and tabs.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c >= 0x7f || c < ' ' && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// lineBreaks escapes what would start another line or column.
var lineBreaks = strings.NewReplacer("\n", `\n`, "\t", `\t`)

// Line is Text for a text within a line: line ends and tabs become escapes, too.
func Line(text string) string { return lineBreaks.Replace(Text(text)) }
