package console

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// nothing are byte sequences that print nothing, and an overprint that changes nothing.
var nothing = []string{
	"\x1b[0m", "\x1b[1;32m", "\x1b[?2004h", "\x1b[ q", "\x1b[!p", "\x1b]0;a title\a", "\x1b]133;B\x1b\\", "\x1bP1$r0m\x1b\\", "\x1b_x\x1b\\", "\x1b^x\a", "\x1bXx\x1b\\",
	"\x1b(B", "\x1b)0", "\x1b#8", "\x1b%G", "\x1b7", "\x1b8", "\x1b=", "\x1b>", "\x1bM", "\x0e", "\x0f", "\x00", "\a", "\x7f", "\r", "x\b", "\u00e9\b",
}

func TestShown(t *testing.T) {
	for in, want := range map[string]string{
		"a\r\nb":                "a\r\nb",
		"a\r\r\nb":              "a\r\r\nb",
		"a\rb\r":                "ab",
		"ab\b \bc":              "ac",
		"\n\bx":                 "\nx",
		"\x1b]no end\nkernel\n": "]no end\nkernel\n",
		"\x1b[31\nx":            "[31\nx",
		"x\x1b[1":               "x",
		"\x1b]0;t\x1b[6nx":      "x",
		"x\x1b]0;half":          "x",
		"x\x1b":                 "x",
		"\x1b\x1b[mx":           "x",
		"\x1b[" + strings.Repeat("1;", maxSequence) + "m": "[" + strings.Repeat("1;", maxSequence) + "m",
	} {
		if got, _ := shown([]byte(in)); string(got) != want {
			t.Errorf("shown(%q) = %q; want %q", in, got, want)
		}
	}
}

// TestPatternsIgnoreWhatPrintsNothing: a sequence before, within and after a literal does not hide it, for
// prompts, texts and regular expressions.
func TestPatternsIgnoreWhatPrintsNothing(t *testing.T) {
	for _, literal := range []string{"=> ", "~ # ", "login: ", "Hit any key"} {
		patterns := map[string]Pattern{"Text": Text(literal), "Prompt": Prompt(literal), "Regexp": Regexp(`(` + strings.TrimSpace(literal) + `)`)}
		for _, x := range nothing {
			for at := range len(literal) + 1 {
				buf := []byte("before\r\n" + literal[:at] + x + literal[at:])
				for name, p := range patterns {
					m := p.find(buf, 0)
					if m == nil {
						t.Errorf("%s(%q) in %q = no match; want one", name, literal, buf)
						continue
					}
					if got, _ := shown(buf[m[0]:m[1]]); name != "Regexp" && string(got) != literal {
						t.Errorf("%s(%q) in %q = %q; want the literal", name, literal, buf, got)
					}
				}
			}
		}
	}
}

// TestGroupsOfAShownMatch: groups have what a terminal shows, and an empty group, wherever it lies, has nothing.
func TestGroupsOfAShownMatch(t *testing.T) {
	for in, want := range map[string]string{
		"=\x1b[m> ":            `"" "> " ""`,
		"xx=\x1b[m> y":         `"xx" "> " "y"`,
		"x\x1b[mx=\x0e> \x0fy": `"xx" "> " "y"`,
	} {
		m := Regexp(`(x*)=(> )(y*)`).find([]byte(in), 0)
		if m == nil {
			t.Errorf("find in %q = no match; want one", in)
			continue
		}
		var got []string
		for _, group := range groups([]byte(in), m) {
			got = append(got, strconv.Quote(group))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("groups in %q = %s; want %s", in, strings.Join(got, " "), want)
		}
	}
	if m := Regexp(`x*`).find([]byte("\x1b[m"), 0); len(m) != 2 || m[0] != m[1] {
		t.Errorf("find of an empty match where nothing is shown = %v; want an empty range", m)
	}
}

// TestMatchAfterFresh: a search from an offset does not find what lies in an earlier line, however it was printed.
func TestMatchAfterFresh(t *testing.T) {
	buf := []byte("\x1b[1mU-\x1b[0mBoot 2024.01\r\nother\x1b[0m\r\n")
	if m := Regexp(`U-Boot 20\d\d`).find(buf, len(buf)-3); m != nil {
		t.Errorf("find from the last line = %v; want no match", m)
	}
}

func FuzzShown(f *testing.F) {
	for _, x := range nothing {
		f.Add([]byte("=> " + x + "a\r\nb\b" + x))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		text, indexes := shown(in)
		if again, same := shown(text); same != nil || !bytes.Equal(again, text) {
			t.Fatalf("shown(%q) = %q, and shown of that %q; want the same", in, text, again)
		}
		for _, p := range []Pattern{Text("=> "), Prompt("# "), Regexp(`(x*)=(>? ?)`), Regexp(`(?m)^(a*)(b?)$`)} {
			for fresh := range len(in) + 1 {
				m := p.find(in, fresh)
				for i := 0; i+1 < len(m); i += 2 {
					if from, to := m[i], m[i+1]; from > to || to > len(in) {
						t.Fatalf("%s in %q from %d = %v; want ranges of it", p, in, fresh, m)
					}
				}
			}
		}
		for i, at := range indexes {
			if in[at] != text[i] || i > 0 && at <= indexes[i-1] {
				t.Fatalf("shown(%q) = %q with indexes %v; want those of its bytes, rising", in, text, indexes)
			}
		}
	})
}

// nothingInZsh matches the sequences of the themes, which zsh needs marked as printing nothing.
var nothingInZsh = regexp.MustCompile(`(?:\x1b(?:\[[0-9;]*m|\][^\a\x1b]*(?:\a|\x1b\\)|\(B|[78])|[\a\x0f])+`)

// TestPromptThemes: a prompt is given as one sees it on a terminal, whatever real shells print around it and in it.
func TestPromptThemes(t *testing.T) {
	const prompt = "root@board:~# "
	themes := map[string]string{
		"plain":             prompt,
		"colour around":     "\x1b[1;32m" + prompt + "\x1b[0m",
		"colour inside":     "\x1b[1;32mroot@board\x1b[0m:\x1b[1;34m~\x1b[0m# ",
		"sgr0 of a vt220":   "\x1b[32m" + prompt + "\x1b[m\x1b(B",
		"sgr0 of a vt100":   "\x1b[1m" + prompt + "\x1b[m\x0f",
		"title":             prompt + "\x1b]0;a title\a",
		"shell integration": "\x1b]133;A\a" + prompt + "\x1b]133;B\x1b\\",
		"bell and cursor":   "\a\x1b7" + prompt + "\x1b8",
	}
	for shell, args := range map[string][]string{"dash": {"-i"}, "bash": {"--norc", "-i"}, "busybox": {"ash", "-i"}, "zsh": {"-f", "-i"}} {
		for name, ps1 := range themes {
			if shell == "zsh" {
				ps1 = nothingInZsh.ReplaceAllString(ps1, "%{$0%}")
			}
			t.Run(shell+", "+name, func(t *testing.T) {
				c := onPTYWith(t, []string{"PS1=" + ps1}, shell, args...)
				sh := POSIX(prompt, 1000)
				if _, err := c.Expect(t.Context(), Wait{For: []Pattern{Prompt(prompt)}, Timeout: time.Minute}); err != nil {
					t.Fatalf("Expect(prompt) = %v; want a match\n%s", err, c.Tail())
				}
				if err := c.Sync(t.Context(), sh, 5, time.Minute); err != nil {
					t.Fatal(err)
				}
				if res, err := c.Run(t.Context(), sh, Command{Text: "printf '\\033[31mred\\033[0m\\033]0;t\\007 end\\n'", Timeout: time.Minute}); err != nil || res.Output != "red end" {
					t.Errorf("Run = %q, %v; want %q", res.Output, err, "red end")
				}
			})
		}
	}
}
