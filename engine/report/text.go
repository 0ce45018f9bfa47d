package report

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/flashlua/flashlua/engine/bounded"
)

// maxLine is how many bytes of a line of the console are shown.
const maxLine = 16 << 10

// visible makes what a board or a script wrote harmless: bytes that are no UTF-8, control characters and
// characters that change the order of others become visible escapes. Line ends and tabs stay. What it returns has
// only characters that XML permits.
func visible(text string) string {
	if isPlain(text) {
		return text
	}
	var b strings.Builder
	for text != "" {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case r == '\n' || r == '\t' || unicode.IsGraphic(r):
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

// inline is visible for a text within a line.
func inline(text string) string { return lineBreaks.Replace(visible(text)) }

// inlines returns the texts, each within a line and of a length that can be shown.
func inlines(all []string) []string {
	var lines []string
	for _, text := range all {
		lines = append(lines, inline(bounded.Text(text, maxLine)))
	}
	return lines
}

// inSeconds returns a duration as text, "84 ms", "12.3 s" or "4m 05s".
func inSeconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	s := int(d.Round(time.Second).Seconds())
	if s < 3600 {
		return fmt.Sprintf("%dm %02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh %02dm %02ds", s/3600, s/60%60, s%60)
}

// inBytes returns a number of bytes as text, "4.2 MiB".
func inBytes(n float64) string {
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if n < 1024 {
			if unit == "B" {
				return fmt.Sprintf("%.0f B", n)
			}
			return fmt.Sprintf("%.1f %s", n, unit)
		}
		n /= 1024
	}
	return fmt.Sprintf("%.1f TiB", n)
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
