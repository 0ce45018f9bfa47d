package suggest

import "testing"

func TestName(t *testing.T) {
	known := []string{"timeout", "stall", "line"}
	for word, want := range map[string]string{
		"timout":  "; did you mean timeout?",
		"tiemout": "; did you mean timeout?",
		"lines":   "; did you mean line?",
		"xyz":     "; known are line, stall, timeout",
		"":        "; known are line, stall, timeout",
	} {
		if got := Name(word, known); got != want {
			t.Errorf("Name(%q) = %q; want %q", word, got, want)
		}
	}
	if got := Nearest("xyz", known); got != "" {
		t.Errorf("Nearest(%q) = %q; want none", "xyz", got)
	}
	if got, want := Nearest("stal", known), "; did you mean stall?"; got != want {
		t.Errorf("Nearest(%q) = %q; want %q", "stal", got, want)
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"line", "line", 0}, {"line", "lien", 1}, {"line", "lane", 1}, {"line", "lines", 1}, {"abc", "xyz", 3},
	} {
		if got := Distance(tt.a, tt.b); got != tt.want {
			t.Errorf("Distance(%q, %q) = %d; want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
