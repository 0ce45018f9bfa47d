package visible

import "testing"

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"plain <text>\t\n":       "plain <text>\t\n",
		"\x1b[31mred\x07\x00":    `\x1b[31mred\x07\x00`,
		"caf\xe9 café":           `caf\xe9 café`,
		"\u202egpj.exe\u200b":    `\u202egpj.exe\u200b`,
		"\ufffe\uffff\U000e0001": `\ufffe\uffff\U000e0001`,
		"c1 \u0085 del \x7f":     `c1 \x85 del \x7f`,
		"\ufffd is a character":  "\ufffd is a character",
	} {
		if got := Text(text); got != want {
			t.Errorf("Text(%q) = %q; want %q", text, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"one line":           "one line",
		"two\r\nlines\tcell": `two\x0d\nlines\tcell`,
		"\u2028\u202e":       `\u2028\u202e`,
	} {
		if got := Line(text); got != want {
			t.Errorf("Line(%q) = %q; want %q", text, got, want)
		}
	}
}
