package lab

import (
	"cmp"
	"strings"
	"unicode"

	"github.com/flashlua/flashlua/classify"
)

// maxName is how many bytes the name of a station or of a tag may have. Names become names of files.
const maxName = 64

// CheckName returns an error if text cannot be the name of a station. A name is a word of a command line and the name
// of a directory: letters, digits, "-", "_", "." and "+", beginning with a letter or a digit, and no name of a script.
func CheckName(text string) error {
	switch {
	case strings.HasSuffix(strings.ToLower(text), ".lua"):
		return classify.New(classify.ConfigLab, "the name %q is that of a script: leave .lua out", text)
	case !isName(text):
		return classify.New(classify.ConfigLab, `the name %q is not valid: write 1 to %d letters, digits, "-", "_", "." or "+", a letter or a digit first`, text, maxName)
	}
	return nil
}

func isName(text string) bool {
	if text == "" || len(text) > maxName {
		return false
	}
	for i, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && (i == 0 || !strings.ContainsRune("-_.+", r)) {
			return false
		}
	}
	return true
}

// compareNames orders names as people do: bench-2 is before bench-10.
func compareNames(a, b string) int {
	for x, y := a, b; ; {
		xText, xNumber, xRest := cutNumber(x)
		yText, yNumber, yRest := cutNumber(y)
		if c := cmp.Or(strings.Compare(xText, yText), len(xNumber)-len(yNumber), strings.Compare(xNumber, yNumber)); c != 0 {
			return c
		}
		if x, y = xRest, yRest; x == "" || y == "" {
			return cmp.Or(len(x)-len(y), strings.Compare(a, b))
		}
	}
}

// cutNumber splits a text before and after its first number, which is returned without leading zeros.
func cutNumber(text string) (before, number, rest string) {
	isDigit := func(r rune) bool { return r >= '0' && r <= '9' }
	start := strings.IndexFunc(text, isDigit)
	if start < 0 {
		return text, "", ""
	}
	before, rest = text[:start], text[start:]
	number = rest
	if end := strings.IndexFunc(rest, func(r rune) bool { return !isDigit(r) }); end >= 0 {
		number, rest = rest[:end], rest[end:]
	} else {
		rest = ""
	}
	return before, strings.TrimLeft(number, "0"), rest
}
