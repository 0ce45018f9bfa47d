package console

import "testing"

// TestParseRegexp holds that a match at the end of what has come is no match yet: it is a candidate, which grows.
func TestParseRegexp(t *testing.T) {
	p, err := ParseRegexp(`version (\d+)\.(\d+)`)
	if err != nil {
		t.Fatal(err)
	}
	x := newWaiter(Wait{For: []Pattern{p}})
	buf := ""
	for _, tt := range []struct{ arrives, candidate, match string }{
		{"mcu version 1", "", ""},
		{"2.3", "version 12.3", ""},
		{"4", "version 12.34", ""},
		{"\r\n", "", "version 12.34"},
	} {
		buf += tt.arrives
		x.scan([]byte(buf), 0)
		if got := shownMatch(x.prompt); got != tt.candidate {
			t.Errorf("scan(%q): candidate = %q; want %q", buf, got, tt.candidate)
		}
		if got := shownMatch(x.match); got != tt.match {
			t.Errorf("scan(%q): match = %q; want %q", buf, got, tt.match)
		}
	}
	if x.match == nil || len(x.match.Groups) != 2 || x.match.Groups[0] != "12" || x.match.Groups[1] != "34" {
		t.Errorf("match = %+v; want the groups 12 and 34", x.match)
	}
	for text, want := range map[string]string{
		"(":  `"(" is no regular expression: missing closing ) at "("`,
		"a*": `"a*" matches the empty text`,
	} {
		if _, err := ParseRegexp(text); err == nil || err.Error() != want {
			t.Errorf("ParseRegexp(%q) = %v; want %s", text, err, want)
		}
	}
}

func shownMatch(m *Match) string {
	if m == nil {
		return ""
	}
	return m.Text
}
