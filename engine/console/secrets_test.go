package console

import (
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestMask(t *testing.T) {
	const x = secretShown
	for _, tt := range []struct {
		secrets    []string
		text, want string
	}{
		{[]string{"root"}, "U-Boot 2024.01, boot, oot, roo, rot", "U-Boot 2024.01, boot, oot, roo, rot"},
		{[]string{"root"}, "root@board:~# chroot ROOT", x + "@board:~# ch" + x + " ROOT"},
		{[]string{"hunter2"}, "hunter hunter2 unter2 hunter22", "hunter " + x + " unter2 " + x + "2"},
		{[]string{"ab", "a", ""}, "about a cab", "about a cab"},
		{[]string{"abc", "abcdef", "def"}, "abcd abcdef abcde def", x + "d " + x + " " + x + "de " + x},
		{[]string{"abcd", "cdef"}, "abcdef abcdcdef", x + " " + x + x},
		{[]string{"aba"}, "ababa aba abab", x + " " + x + " " + x + "b"},
		{[]string{".*[x]", "(?i)"}, "a.*[x]b xxx (?i)", "a" + x + "b xxx " + x},
		{[]string{"one\ntwo\r\nthree"}, "one\ntwo, onetwo", x + "\n" + x + ", " + x + x},
		{[]string{"tab\there\x03"}, "tab\there\x03 \"tab\\there\\x03\" tab here", x + " \"" + x + "\" tab here"},
		{[]string{`qu"o\te`}, `qu"o\te "qu\"o\\te" quote`, x + ` "` + x + `" quote`},
		{[]string{"grün\xff"}, "grün\xff gr\\u00fcn\\xff grün", x + " " + x + " grün"},
		{[]string{"****"}, "*** **** *****", "*** " + x + " " + x},
		{nil, "anything", "anything"},
	} {
		if got := NewSecrets(tt.secrets...).Mask(tt.text); got != tt.want {
			t.Errorf("NewSecrets(%q).Mask(%q) = %q; want %q", tt.secrets, tt.text, got, tt.want)
		}
	}
	if got := (*Secrets)(nil).Mask("anything"); got != "anything" {
		t.Errorf("Mask(anything) of nil = %q; want anything", got)
	}
}

// FuzzMask tests Mask against its definition: a byte is masked if it is in an occurrence of a secret. The
// transcript of a stream must not depend on how it is split into reads.
func FuzzMask(f *testing.F) {
	f.Add("root", "hunter2", "U-Boot root\nhunter2roothunter2\n", 5)
	f.Add("aba", "abab", "xababababa\naba\nb\n", 7)
	f.Add("abc", "abcdef", "abcdefabcde\r\nabc", 3)
	f.Add("\x1b[0m", "a\\b", "\x1b[0m\"a\\b\"a\\\\b\n", 2)
	f.Fuzz(func(t *testing.T, a, b, text string, cut int) {
		s := NewSecrets(a, b)
		covered := make([]bool, len(text)+1)
		starts := make([]bool, len(text)+1)
		for i := range len(text) {
			inside := covered[i]
			for _, w := range s.words {
				if strings.HasPrefix(text[i:], w) {
					starts[i] = !inside
					for k := range w {
						covered[i+k] = true
					}
				}
			}
		}
		var want strings.Builder
		for i := range len(text) {
			switch {
			case starts[i]:
				want.WriteString(secretShown)
			case !covered[i]:
				want.WriteByte(text[i])
			}
		}
		if got := s.Mask(text); got != want.String() {
			t.Fatalf("Mask(%q) of %q and %q = %q; want %q", text, a, b, got, want.String())
		}
		cut = min(max(cut, 0), len(text))
		if whole, pieces := recorded(s, a, text), recorded(s, a, text[:cut], text[cut:]); whole != pieces {
			t.Fatalf("transcript of %q and %q = %q; want that of one piece, %q", text[:cut], text[cut:], pieces, whole)
		}
	})
}

// recorded returns the transcript of pieces that come after a secret was typed.
func recorded(s *Secrets, typed string, pieces ...string) string {
	var record strings.Builder
	tr := NewTranscript(&record)
	tr.Hide(s)
	tr.expectEcho(typed)
	for _, p := range pieces {
		tr.Record(time.Time{}, false, []byte(p))
	}
	tr.Close()
	return withoutTimes(record.String())
}

// withoutTimes returns a transcript without its times.
func withoutTimes(record string) string {
	var all []string
	for line := range strings.Lines(record) {
		_, line, _ = strings.Cut(line, " ")
		all = append(all, line)
	}
	return strings.Join(all, "")
}

// TestSecretsAreMasked: a secret that the board prints is in no record and no error, however it is split into
// reads. A part of a secret is not masked.
func TestSecretsAreMasked(t *testing.T) {
	const secret = "s3cret!pass"
	hide := NewSecrets(secret, "", "ab")
	for said, want := range map[string]string{
		secret:                       secretShown,
		"x" + secret + secret + "y":  "x" + secretShown + secretShown + "y",
		"s3cret!pas 3cret!pass pass": "s3cret!pas 3cret!pass pass",
	} {
		for n := 1; n <= len(said); n++ {
			synctest.Test(t, func(t *testing.T) {
				var record strings.Builder
				tr := NewTranscript(&record)
				tr.Hide(hide)
				board, c := pair(t, Config{Recorder: tr, Secrets: hide})
				go say(board, n, "about abbots "+said+"\r\n")
				_, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("never")}, Timeout: time.Second})
				want := "about abbots " + want
				if got := withoutTimes(record.String()); got != "< "+want+"\n" {
					t.Errorf("transcript of %q in pieces of %d = %q; want %q", said, n, got, want)
				}
				if got := c.Tail(); got != want || !strings.Contains(err.Error(), "never") {
					t.Errorf("console lines of %q in pieces of %d = %q, %v; want %q", said, n, got, err, want)
				}
			})
		}
	}
}

// TestEchoOfASecret: the echo of a typed secret is masked, damaged or not, and no other text is.
func TestEchoOfASecret(t *testing.T) {
	const x = secretShown
	for name, tt := range map[string]struct{ secret, came, want string }{
		"whole":                          {"hunter2", "hunter2\r\n# ", x + "\n# "},
		"behind the prompt's blank":      {"hunter2", " hunter2\r\n# ", " " + x + "\n# "},
		"first character lost":           {"hunter2", "unter2\r\nnter2 unter2", x + "\nnter2 unter2"},
		"the most lost":                  {"hunter2", "2\r\n2 # ", x + "\n2 # "},
		"characters lost in it":          {"hunter2", "hntr2\r\nhunt", x + "\nhunt"},
		"its end lost":                   {"hunter2", "hunte\r\nLogin incorrect\r\nhunte", x + "\nLogin incorrect\nhunte"},
		"a character wrong":              {"hunter2", "hunXer2\r\n# ", x + "\n# "},
		"an early character wrong":       {"hunter2", "hXnter2\r\n# ", x + "\n# "},
		"torn by the kernel":             {"hunter2", "hun[   12.345678] usb 1-1: hunt\r\nter2\r\n# unter", x + "[   12.345678] usb 1-1: hunt\n" + x + "\n# unter"},
		"the kernel first":               {"hunter2", "[   12.345678] usb 1-1: new\r\nunter2\r\n# ", "[   12.345678] usb 1-1: new\n" + x + "\n# "},
		"torn twice":                     {"hunter2", "h[   12.345678] a\r\nunt[   12.345679] b\r\ner2\r\nunt\r\n", x + "[   12.345678] a\n" + x + "[   12.345679] b\n" + x + "\nunt"},
		"torn by a daemon":               {"hunter2", "huntStarting sshd: OK\r\ner2\r\n# er2", x + "Starting sshd: OK\n" + x + "\n# er2"},
		"cut off by a reset":             {"hunter2", "hunt\r\nU-Boot 2024.01\r\nhunt", x + "\nU-Boot 2024.01\nhunt"},
		"cut off in its line":            {"hunter2", "huntU-Boot 2024.01\r\nhunt er2", x + "U-Boot 2024.01\nhunt er2"},
		"no echo":                        {"root", "\r\nroo oot\r\n# ", "roo oot\n#"},
		"no echo and no line end":        {"root", "=> roo oot", "=> roo oot"},
		"no echo but its letters":        {"root", "resetting ...\r\noot", "resetting ...\noot"},
		"a login's name is the secret":   {"root", "oot\r\nroot@board:~# oot U-Boot", x + "\n" + x + "@board:~# oot U-Boot"},
		"short":                          {"ab", "ab\r\nab about", x + "\nab about"},
		"a single letter":                {"y", "y\r\nyes y", x + "\nyes y"},
		"short without echo":             {"ab", "about\r\n", "about"},
		"with escapes between":           {"hunter2", "hun\x1b[0mter2\r\n# ", x + "\n# "},
		"control and pattern characters": {"a.*\t[b", "\t[b\r\na.*", x + "\na.*"},
		"of several lines":               {"one\ntwo", "ne\r\nwo\r\nne wo", x + "\n" + x + "\nne wo"},
		"still coming":                   {"hunter2", "unt", x},
	} {
		t.Run(name, func(t *testing.T) {
			want := strings.TrimRight(tt.want, " ")
			for n := 1; n <= len(tt.came); n++ {
				synctest.Test(t, func(t *testing.T) {
					var record strings.Builder
					tr := NewTranscript(&record)
					board, c := pair(t, Config{Recorder: tr})
					go func() {
						board.Read(make([]byte, 100))
						say(board, n, tt.came)
					}()
					if err := c.SendSecret(t.Context(), tt.secret+"\n"); err != nil {
						t.Fatal(err)
					}
					c.Expect(t.Context(), Wait{For: []Pattern{Text("never")}, Timeout: time.Second})
					if got := strings.TrimSpace(c.Tail()); got != strings.TrimSpace(want) {
						t.Errorf("console lines in pieces of %d = %q; want %q", n, got, want)
					}
					c.Close()
					tr.Close()
					if got := shownLines(record.String()); got != strings.TrimSpace(want) {
						t.Errorf("transcript in pieces of %d = %q; want %q", n, got, want)
					}
				})
			}
		})
	}
}

// shownLines returns what came in a transcript, without blanks at line ends and without empty lines.
func shownLines(record string) string {
	var all []string
	for line := range strings.Lines(withoutTimes(record)) {
		if came, ok := strings.CutPrefix(strings.TrimRight(line, " \n"), "< "); ok && came != "" {
			all = append(all, strings.ReplaceAll(came, `\t`, "\t"))
		}
	}
	return strings.TrimSpace(strings.Join(all, "\n"))
}

// TestLateEchoes: an echo may come after more was typed, and a secret may be typed twice.
func TestLateEchoes(t *testing.T) {
	var record strings.Builder
	tr := NewTranscript(&record)
	came := func(text string) { tr.Record(time.Time{}, false, []byte(text)) }
	sent := func(text string) { tr.Record(time.Time{}, true, []byte(text)) }
	came("Password: ")
	tr.expectEcho("hunter2")
	sent(secretShown + "\n")
	sent("\n")
	came("un")
	sent("\n")
	came("ter2\r\nPassword: ")
	tr.expectEcho("hunter2")
	tr.expectEcho("hunter2")
	came("hunter\r\nunter2\r\nunter\r\n")
	tr.Close()
	const want = "< Password: \n> ********\n> \n< ********\n> \n< ********\n< Password: \n< ********\n< ********\n< unter\n"
	if got := withoutTimes(record.String()); got != want {
		t.Errorf("transcript = %q; want %q", got, want)
	}
}

// TestASecretAcrossDirections: a secret may be sent, or come, in pieces between which the other side sends.
func TestASecretAcrossDirections(t *testing.T) {
	var record strings.Builder
	tr := NewTranscript(&record)
	tr.Hide(NewSecrets("rootpass"))
	for _, x := range []string{">echo ro", "<echo ro", ">otpa", "<otpa", ">ss; ls ro\n", "<ss; ls ro\r\n", ">r", "<x\r\n", "<roo"} {
		tr.Record(time.Time{}, x[0] == '>', []byte(x[1:]))
	}
	tr.Close()
	got := withoutTimes(record.String())
	if strings.Contains(got, "otpa") || strings.Count(got, secretShown+"; ls ro\n") != 2 || !strings.Contains(got, "> r\n") || !strings.Contains(got, "< roo\n") {
		t.Errorf("transcript:\n%s\nwant the secret masked in both directions, and nothing else", got)
	}
}

// TestSendSecret: SendSecret adds the text to the console's set of secrets.
func TestSendSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var record strings.Builder
		hide := NewSecrets()
		board, c := pair(t, Config{Recorder: NewTranscript(&record), Secrets: hide})
		go fakeEcho(board)
		if err := c.SendSecret(t.Context(), "hunter2!\n"); err != nil {
			t.Fatal(err)
		}
		_, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("never")}, Timeout: time.Second})
		if all := record.String() + err.Error() + c.Tail() + hide.Mask("hunter2!"); strings.Contains(all, "hunter2") || strings.Count(all, secretShown) < 4 {
			t.Errorf("record, error and tail = %s; want at least 4 masks and no secret", all)
		}
	})
}

func fakeEcho(board io.ReadWriter) { io.Copy(board, board) }

// TestSecretInAnEndlessLine: a line without an end is written in pieces, and no secret is split between two of
// them.
func TestSecretInAnEndlessLine(t *testing.T) {
	for _, secret := range []string{"s3cret!pass", "papapa"} {
		for before := maxMatch - len(secret); before <= maxMatch+len(secret); before++ {
			var record strings.Builder
			tr := NewTranscript(&record)
			tr.Hide(NewSecrets(secret))
			text := strings.Repeat(".", before) + secret + strings.Repeat(".", 5*maxMatch)
			for at := 0; at < len(text); at += 1000 {
				tr.Record(time.Time{}, false, []byte(text[at:min(at+1000, len(text))]))
			}
			tr.Close()
			if s := withoutTimes(record.String()); strings.Contains(s, "pa") || strings.Count(s, ".") != len(text)-len(secret) || strings.Count(s, secretShown) != 1 {
				t.Fatalf("transcript with %d dots before the secret has %d dots; want %d and one mask", before, strings.Count(s, "."), len(text)-len(secret))
			}
		}
	}
	var record strings.Builder
	tr := NewTranscript(&record)
	tr.Hide(NewSecrets("papa", strings.Repeat("pa", 2*maxMatch)))
	for range 10 * maxMatch {
		tr.Record(time.Time{}, false, []byte("pa"))
	}
	tr.Close()
	if s := withoutTimes(record.String()); strings.Contains(s, "pa") || len(s) > 1000 {
		t.Errorf("transcript of a secret without an end = %d bytes, %q; want masks alone", len(s), s[:min(len(s), 200)])
	}
}

// TestASecretAtTheStartOfTheConsoleLines: the lines of an error may begin within a secret.
func TestASecretAtTheStartOfTheConsoleLines(t *testing.T) {
	const secret = "s3cret!pass"
	for before := range len(secret) + 2 {
		synctest.Test(t, func(t *testing.T) {
			board, c := pair(t, Config{Secrets: NewSecrets(secret)})
			go say(board, 100, secret+strings.Repeat(".", maxMatch-before))
			c.Expect(t.Context(), Wait{For: []Pattern{Text("never")}, Timeout: time.Second})
			if got := strings.Trim(c.Tail(), "."); got != "" && got != secretShown {
				t.Errorf("Tail() with %d bytes of the secret = %q; want a mask or nothing", before, got)
			}
		})
	}
}

func TestSecretsAreOneSet(t *testing.T) {
	s := NewSecrets("hunter2", "hunter2")
	s.Add("hunter2", "root")
	if want := []string{"hunter2", "root"}; !slices.Equal(s.words, want) {
		t.Errorf("words = %q; want %q", s.words, want)
	}
}
