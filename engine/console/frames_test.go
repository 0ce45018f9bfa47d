package console

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/engine/internal/consoletest"
)

// TestTailShowsCommands runs commands of both dialects, one of which fails. The tail shows what a person would have
// seen: each command after its prompt, and its output.
func TestTailShowsCommands(t *testing.T) {
	for name, tt := range map[string]struct {
		dialect Dialect
		want    string
	}{
		"U-Boot": {UBoot("=> ", 500), "=> version\nU-Boot 2023.01\n=> [the look at it]\nno such thing\n=>"},
		"POSIX":  {POSIX("=> ", 500), "=> version\nU-Boot 2023.01\n=> [the look at it]\nno such thing\n=>"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				port, b := consoletest.NewBoard(t)
				b.Reply = func(cmd string) (string, string) {
					if strings.HasPrefix(cmd, "version") {
						return "U-Boot 2023.01\r\n", "0"
					}
					return "no such thing\r\n", "1"
				}
				c := New(port, Config{})
				defer c.Close()
				go func() { b.Say("=> "); b.Serve() }()
				if err := c.Sync(t.Context(), tt.dialect, 1, time.Second); err != nil {
					t.Fatal(err)
				}
				for _, cmd := range []Command{{Text: "version"}, {Text: "cat '/it'", What: "the look at it"}} {
					if _, err := c.Run(t.Context(), tt.dialect, cmd); err != nil {
						t.Fatal(err)
					}
				}
				if got := c.Tail(); got != tt.want {
					t.Errorf("Tail() = %q; want %q", got, tt.want)
				}
			})
		})
	}
}

// TestHide removes the framing from text of different boards.
func TestHide(t *testing.T) {
	w := marker{a: "abc", b: "def"}
	d := POSIX("# ", 500)
	line := d.wrap(w, "cat /it")
	for name, tt := range map[string]struct{ text, want string }{
		"whole":              {"# " + line + "\ndef:\none\nabcdef0:abcdef0.\n# ", "# cat /it\none\n# "},
		"wrapped":            {"# " + line[:20] + "\n" + line[20:40] + " \n" + line[40:] + "\ndef:\none\nabcdef0:abcdef0.\n# ", "# cat /it\none\n# "},
		"no line end":        {"# " + line + "\ndef:\noneabcdef0:abcdef0.\n# ", "# cat /it\none\n# "},
		"asked again":        {"# " + line + "\ndef:\none\nabcabcdef12:abcdef12.\n# ", "# cat /it\none\n\n# "},
		"another's":          {"# ls; fl=xyzxyz\nxyzxyz0:xyzxyz0.\n# ", "# ls; fl=xyzxyz\nxyzxyz0:xyzxyz0.\n# "},
		"a probe":            {"# echo abc'def.'\nabcdef.\n# ", "# "},
		"interrupted":        {"# " + line[:30] + "[    9.1] usb 1-1\n" + line[30:] + "\ndef:\n", "# " + line[:30] + "[    9.1] usb 1-1\n" + line[30:] + "\n"},
		"output looks alike": {"def\nabc:\nabcdef\n", "def\nabc:\nabcdef\n"},
		"unknown commands":   {"=>  ghijklb;version;ghijkle\nUnknown command 'ghijklb' - try 'help'\nU-Boot 1.1.4\nUnknown command 'ghijkle' - try 'help'\n=> ", "=> version\nU-Boot 1.1.4\n=> "},
	} {
		var f frames
		unknown := marker{a: "ghi", b: "jkl", byUnknown: true}
		f.add(UBootSimple("=> ", 500).wrap(unknown, "version"), "version", unknown)
		f.add(line, "cat /it", w)
		f.add(w.probe(), "", w)
		if got := f.hide(tt.text); strings.ReplaceAll(got, "\n\n", "\n") != strings.ReplaceAll(tt.want, "\n\n", "\n") {
			t.Errorf("hide(%s) = %q; want %q", name, got, tt.want)
		}
	}
}
