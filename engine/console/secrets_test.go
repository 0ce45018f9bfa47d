package console

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Row 29: a secret that the board gives back, whole or without the characters that it swallowed, is in no record and no
// error, however the reads fall.
func TestSecretsAreMasked(t *testing.T) {
	const secret = "s3cret!pass"
	hide := NewSecrets(secret, "", "ab")
	for _, echo := range []string{secret, secret[1:], secret[3:], "x" + secret + secret + "y"} {
		for n := 1; n <= len(echo); n++ {
			synctest.Test(t, func(t *testing.T) {
				var record strings.Builder
				tr := NewTranscript(&record)
				tr.Hide(hide)
				board, c := pair(t, Config{Recorder: tr, Secrets: hide})
				go say(board, n, "about abbots "+echo+"\r\n")
				_, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("never")}, Timeout: time.Second})
				for _, text := range []string{record.String(), err.Error(), c.Tail()} {
					if strings.Contains(text, "pass") || strings.Contains(text, "cret") {
						t.Errorf("echo %q in pieces of %d: %s", echo, n, text)
					}
				}
				if s := record.String(); !strings.Contains(s, "about abbots") || !strings.Contains(s, secretShown) {
					t.Errorf("transcript: %s", s)
				}
			})
		}
	}
}

// What is typed as a secret is one from then on.
func TestSendSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var record strings.Builder
		board, c := pair(t, Config{Recorder: NewTranscript(&record)})
		go fakeEcho(board)
		if err := c.SendSecret(t.Context(), "hunter2!\n"); err != nil {
			t.Fatal(err)
		}
		_, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("never")}, Timeout: time.Second})
		if all := record.String() + err.Error() + c.Tail(); strings.Contains(all, "hunter2") || !strings.Contains(all, secretShown) {
			t.Errorf("%s", all)
		}
	})
}

func fakeEcho(board io.ReadWriter) { io.Copy(board, board) }

// A line without an end is written in pieces, and no secret lies across two of them.
func TestSecretInAnEndlessLine(t *testing.T) {
	const secret = "s3cret!pass"
	for before := lineReach - len(secret); before <= lineReach+len(secret); before++ {
		var record strings.Builder
		tr := NewTranscript(&record)
		tr.Hide(NewSecrets(secret))
		text := strings.Repeat(".", before) + secret + strings.Repeat(".", 5*lineReach)
		for at := 0; at < len(text); at += 1000 {
			tr.Record(time.Time{}, false, []byte(text[at:min(at+1000, len(text))]))
		}
		tr.Close()
		if s := record.String(); strings.Contains(s, "pass") || strings.Count(s, ".") < len(text)-len(secret) {
			t.Fatalf("%d dots before: %d of %d bytes: %q", before, strings.Count(s, "."), len(text), s[max(0, before-100):before+300])
		}
	}
}
