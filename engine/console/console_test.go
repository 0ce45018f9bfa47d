package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/consoletest"
)

// dial returns a Console and the board's end of its wire.
func dial(t *testing.T) (*Console, net.Conn) {
	board, c := pair(t, Config{})
	return c, board
}

func pair(t *testing.T, cfg Config) (net.Conn, *Console) {
	board, port := net.Pipe()
	c := New(port, cfg)
	t.Cleanup(func() { c.Close(); board.Close() })
	return board, c
}

// say writes as the board, in pieces of at most n bytes.
func say(board io.Writer, n int, text string) {
	for len(text) > 0 {
		k := min(n, len(text))
		if _, err := io.WriteString(board, text[:k]); err != nil {
			return
		}
		text = text[k:]
	}
}

func wantKind(t *testing.T, err error, kind classify.Kind, text string) {
	t.Helper()
	if got := classify.Facts(err).Kind; err == nil || got != kind || !strings.Contains(err.Error(), text) {
		t.Errorf("error = %v of kind %q; want %q of kind %q", err, got, text, kind)
	}
}

func TestExpectAtEveryTear(t *testing.T) {
	const stream = "U-Boot 2023.01\r\nHit any key: 2\r\n==> no\r\n\x1b[6n=> "
	for n := 1; n <= len(stream); n++ {
		synctest.Test(t, func(t *testing.T) {
			c, board := dial(t)
			go say(board, n, stream)
			m, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("any key"), Regexp(`U-Boot (\d+)\.`)}})
			if err != nil || m.Index != 1 || m.Groups[0] != "2023" {
				t.Fatalf("Expect() in pieces of %d = %+v, %v; want the first match in the stream", n, m, err)
			}
			if m, err = c.Expect(t.Context(), Wait{For: []Pattern{Text("key: 2")}}); err != nil {
				t.Fatalf("Expect() in pieces of %d = %v; want nil", n, err)
			}
			synctest.Wait()
			if _, err = c.Expect(t.Context(), Wait{For: []Pattern{Prompt("=> ")}, Timeout: time.Second}); err != nil {
				t.Fatalf("Expect() in pieces of %d = %v; want nil", n, err)
			}
		})
	}
}

func TestPromptEndsTheStream(t *testing.T) {
	p := Prompt("# ")
	for stream, want := range map[string]bool{
		"/root # ": true, "/root # \x1b[6n": true, "\x1b[1m# \x1b[0m\x1b[": true, "# ls": false, "#": false, "": false, "# \n": false,
	} {
		if got := p.find([]byte(stream), 0) != nil; got != want {
			t.Errorf("Prompt(%q).find(%q) = %t; want %t", "# ", stream, got, want)
		}
	}
}

func TestPromptSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, board := dial(t)
		go func() {
			for _, text := range []string{"==> ", "not a prompt\r\n=> ", "nor this\r\n", "=> "} {
				say(board, 99, text)
				time.Sleep(promptSettle - time.Millisecond) // virtual
			}
		}()
		began := time.Now()
		m, err := c.Expect(t.Context(), Wait{For: []Pattern{Prompt("=> ")}})
		if err != nil || m.Text != "=> " || time.Since(began) != 4*promptSettle-3*time.Millisecond {
			t.Errorf("Expect() = %v, %v after %s; want %q after %s", m, err, time.Since(began), "=> ", 4*promptSettle-3*time.Millisecond)
		}
		go say(board, 1, "next")
		if _, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("next")}, Timeout: time.Second}); err != nil {
			t.Errorf("Expect() of the next output = %v; want nil", err)
		}
	})
}

// TestBefore: a match has what came before it and after the last match, as clean text.
func TestBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, board := dial(t)
		go say(board, 7, "one\r\n=> \x1b[1mtwo\x1b[0m\r\nthree\r\n=> => ")
		for _, want := range []string{"one\n", "two\nthree\n", ""} {
			m, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("=> ")}, Before: true})
			if err != nil || m.Before != want {
				t.Errorf("Expect() = %+v, %v; want %q before the match", m, err, want)
			}
		}
	})
}

func TestWaitEnds(t *testing.T) {
	oops := errors.New("step deadline")
	panicking := []Abort{{Pattern: Text("Kernel panic"), Kind: classify.BoardPanic, Message: "the kernel panicked"}}
	for _, tt := range []struct {
		name  string
		wait  Wait
		board func(t *testing.T, board net.Conn, cancel context.CancelCauseFunc)
		kind  classify.Kind
		text  string
		after time.Duration
	}{
		{"timeout", Wait{Timeout: 3 * time.Second, What: "the prompt"}, nil, classify.ConsoleTimeout, "timed out after 3s waiting for the prompt", 3 * time.Second},
		{"timeout with its own kind", Wait{Timeout: 3 * time.Second, Kind: classify.ShellLogin}, nil, classify.ShellLogin, `timed out after 3s waiting for "=> "`, 3 * time.Second},
		{"stall after output", Wait{Stall: 5 * time.Second}, func(t *testing.T, b net.Conn, _ context.CancelCauseFunc) {
			for range 4 {
				say(b, 9, "still here\n")
				time.Sleep(2 * time.Second) // virtual
			}
		}, classify.ConsoleStall, "silence for 5s", 11 * time.Second},
		{"context", Wait{}, func(t *testing.T, b net.Conn, cancel context.CancelCauseFunc) {
			time.Sleep(7 * time.Second)
			cancel(oops)
		}, "", `waited 7s for "=> ": step deadline`, 7 * time.Second},
		{"lost", Wait{}, func(t *testing.T, b net.Conn, _ context.CancelCauseFunc) {
			say(b, 9, "last words\n")
			b.Close()
		}, classify.TransportLost, "the console was lost", 0},
		{"abort", Wait{Abort: panicking}, func(t *testing.T, b net.Conn, _ context.CancelCauseFunc) {
			say(b, 3, "Kernel panic - not syncing\n")
		}, classify.BoardPanic, "the kernel panicked", 0},
		{"abort after its grace", Wait{Abort: panicking, grace: 2 * time.Second}, func(t *testing.T, b net.Conn, _ context.CancelCauseFunc) {
			say(b, 3, "Kernel panic - not syncing\n")
		}, classify.BoardPanic, "the kernel panicked", 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, board := dial(t)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if tt.board != nil {
					go tt.board(t, board, cancel)
				}
				tt.wait.For = []Pattern{Text("=> ")}
				began := time.Now()
				_, err := c.Expect(ctx, tt.wait)
				wantKind(t, err, tt.kind, tt.text)
				if after := time.Since(began); after != tt.after {
					t.Errorf("Expect() took %s; want %s", after, tt.after)
				}
			})
		})
	}
}

func TestAMatchAfterAnAbortWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, board := dial(t)
		go say(board, 4, "[1.0] Kernel panic, as dmesg has it\ndone => ")
		_, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("=> ")}, grace: 2 * time.Second, Abort: []Abort{{Pattern: Text("Kernel panic")}}})
		if err != nil {
			t.Errorf("Expect() with a match after the abort = %v; want nil", err)
		}
	})
}

// TestPushAborts: a board adds texts that mean failure, and disables built-in ones, until the change is popped.
func TestPushAborts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, board := dial(t)
		wait := Wait{For: []Pattern{Text("login: ")}, Abort: []Abort{Reset}, Timeout: time.Second}
		const reset, ddr = "\r\nU-Boot 2023.01 (Jan 01 2024)\r\n", "\r\nDDR init failed\r\n"
		pop := c.PushAborts(Watch{Add: []Abort{{Pattern: Text("DDR init"), Kind: classify.ConsoleAbort, Message: "no memory"}}, Disable: []string{"reset"}})
		go say(board, 9, reset+"login: ")
		if _, err := c.Expect(t.Context(), wait); err != nil {
			t.Errorf("Expect() with reset disabled = %v; want nil", err)
		}
		go say(board, 9, ddr)
		_, err := c.Expect(t.Context(), wait)
		wantKind(t, err, classify.ConsoleAbort, "no memory")
		c.Skip()
		pop()
		go say(board, 9, ddr+reset)
		_, err = c.Expect(t.Context(), wait)
		wantKind(t, err, classify.BoardReset, "reset itself")
	})
}

// TestLines: Command.Line gets each line once, without the kernel's lines; its error ends the wait; it cannot run
// a command.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, board := dial(t)
		go fakeShell(board, func(cmd, begin string, w marker) string {
			return begin + "\r\none\r\ntw[   12.000000] usb 1-1: new\r\no\r\nthe rest" + endMarker(w, 0) + "\r\n=> "
		})
		d := UBoot("=> ", 500)
		d.BootTime, d.KernelOnConsole = time.Now().Add(-12*time.Second), true
		var delivered []string
		onLine := func(line string) error { delivered = append(delivered, line); return nil }
		res, err := c.Run(t.Context(), d, Command{Text: "version", Timeout: time.Minute, Line: onLine})
		if err != nil || res.Output != "one\ntwo\nthe rest" || fmt.Sprintf("%q", delivered) != `["one" "two" "the rest"]` {
			t.Errorf("Run() = %+v, %v; delivered %q; want one, two, the rest", res, err, delivered)
		}
		oops := errors.New("enough")
		if _, err := c.Run(t.Context(), d, Command{Text: "version", Line: func(string) error { return oops }}); !errors.Is(err, oops) {
			t.Errorf("Run() = %v; want %v", err, oops)
		}
		runInside := func(string) error {
			_, err := c.Run(t.Context(), d, Command{Text: "inside"})
			return err
		}
		_, err = c.Run(t.Context(), d, Command{Text: "version", Line: runInside})
		wantKind(t, err, classify.ConsoleBusy, "is busy")
	})
}

// TestLargeResults: an output may have 16 MiB, of any bytes. A larger one is an error, with Command.Line as soon
// as it is too large.
func TestLargeResults(t *testing.T) {
	line := strings.Repeat("x", 1022) + "\r\n"
	for _, tt := range []struct {
		lines int
		kind  classify.Kind
	}{{maxOutput>>10 - 1, ""}, {maxOutput>>10 + 200, classify.ConsoleOverflow}} {
		synctest.Test(t, func(t *testing.T) {
			c, board := dial(t)
			go fakeShell(board, func(cmd, begin string, w marker) string {
				say(board, 32<<10, begin+"\r\n\xff\xfe\x00\r\n"+strings.Repeat(line, tt.lines)+endMarker(w, 7)+"\r\n=> ")
				return ""
			})
			res, err := c.Run(t.Context(), UBoot("=> ", 500), Command{Text: "cat", Timeout: time.Minute})
			if got := classify.Facts(err).Kind; got != tt.kind && (err != nil || tt.kind != "") || res.Code != 7 {
				t.Errorf("Run() of %d lines = exit code %d, %v; want 7, kind %q", tt.lines, res.Code, err, tt.kind)
			}
			if tt.kind != "" {
				delivered := 0
				_, err = c.Run(t.Context(), UBoot("=> ", 500), Command{Text: "cat", Timeout: time.Minute, Line: func(string) error { delivered++; return nil }})
				if classify.Facts(err).Kind != tt.kind || delivered == 0 {
					t.Errorf("Run() with Line = %v after %d lines; want kind %s after some", err, delivered, tt.kind)
				}
				return
			}
			head, rest, _ := strings.Cut(res.Output, "\n")
			if head != "\uFFFD" || len(rest) != tt.lines*1023-1 {
				t.Errorf("Run() of %d lines = %q and %d bytes; want %q and %d bytes", tt.lines, head, len(rest), "\uFFFD", tt.lines*1023-1)
			}
		})
	}
}

func TestErrorShowsTheLastLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, board := dial(t)
		go say(board, 7, "one\r\n\x1b[31mtwo\x1b[0m\r\n\r\nthree\xff")
		_, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("=> ")}, Timeout: time.Second})
		if got, want := classify.Facts(err).Console, "one\ntwo\nthree\uFFFD"; got != want {
			t.Errorf("Facts().Console = %q; want %q", got, want)
		}
	})
}

// dataWithError is a port whose last read returns data together with an error.
type dataWithError struct{ read bool }

func (h *dataWithError) Read(p []byte) (int, error) {
	if h.read {
		return 0, errors.New("read again after an error")
	}
	h.read = true
	return copy(p, "login: "), errors.New("unplugged")
}
func (h *dataWithError) Write(p []byte) (int, error) { return 0, nil }
func (h *dataWithError) Close() error                { return nil }

func TestDataThatComesWithAnError(t *testing.T) {
	c := New(&dataWithError{}, Config{})
	defer c.Close()
	if _, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("login: ")}}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("login: ")}})
	wantKind(t, err, classify.TransportLost, "unplugged")
}

func TestBlockedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := dial(t) // no reader at the other end
		late := classify.New(classify.DeadlineStep, "late")
		for range 2 {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, late)
			err := c.Send(ctx, "hello\n")
			wantKind(t, err, classify.DeadlineStep, "takes no bytes")
			cancel()
		}
		go func() {
			time.Sleep(time.Second)
			c.Close()
		}()
		wantKind(t, c.Send(t.Context(), "x"), classify.TransportLost, "lost while sending")
	})
}

func TestMemoryIsBounded(t *testing.T) {
	c, board := dial(t)
	go func() {
		noise := strings.Repeat("noise without an end ", 500) + "\r\n"
		for range 500 { // 5 MB
			say(board, len(noise), noise)
		}
		say(board, 99, "=> ")
	}()
	if _, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("=> ")}}); err != nil {
		t.Fatal(err)
	}
	s := &c.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if held := s.received - s.consumed; cap(s.buf) > 8*window || held > 4*window {
		t.Errorf("the stream has a buffer of %d bytes, goexpect holds %d bytes; want at most %d and %d", cap(s.buf), held, 8*window, 4*window)
	}
}

// framedLine matches a framed line, with the command and the marker.
var framedLine = regexp.MustCompile(`^ echo \w'\w\w:';(?:setenv fl;)?(.*);fl=(\w{3})(\w{3})\$\?;echo \$fl:\$fl\.$`)

// endMarker returns the second echo of a command.
func endMarker(w marker, code int) string {
	return fmt.Sprintf("%s%d:%[1]s%[2]d.", w.word(), code)
}

// fakeShell echoes what is typed, in pieces, and answers each framed command with reply.
func fakeShell(board net.Conn, reply func(cmd, begin string, w marker) string) {
	var line []byte
	for buf := make([]byte, 1000); ; {
		n, err := board.Read(buf)
		if err != nil {
			return
		}
		if string(buf[:n]) == "\x03" {
			line = nil
			say(board, 80, "<INTERRUPT>\r\n=> ")
			continue
		}
		keys, enter := strings.CutSuffix(string(buf[:n]), "\n")
		line = append(line, keys...)
		say(board, 80, keys)
		if !enter {
			continue
		}
		say(board, 80, "\r\n")
		if l, ok := consoletest.Parse(string(line)); ok && l.Sync {
			say(board, 80, l.Begin()+"=> ")
		}
		if m := framedLine.FindStringSubmatch(string(line)); m != nil {
			say(board, 5, reply(m[1], m[3]+":", marker{a: m[2], b: m[3]}))
		}
		line = line[:0]
	}
}

func TestRun(t *testing.T) {
	for _, tt := range []struct {
		name, before, output, after string
		code                        int
		want                        string
	}{
		{"plain", "", "one\r\ntwo\r\n", "\r\n=> ", 0, "one\ntwo"},
		{"no line end before the marker", "", "one", "\r\n=> ", 1, "one"},
		{"nothing", "", "", "\r\n=> ", 0, ""},
		{"prompts, half markers, escapes, NULs", "", "=> # fl\r\n\x1b[6n==> e3\x00\r\n:0.\r\n", "\r\n=> ", 7, "=> # fl\n==> e3\n:0."},
		{"kernel line before and after", "[ 1.0] usb 1-1: new\r\n", "x\r\n", "[ 2.0] eth0: up\r\n=> ", 255, "x"},
		{"a stale prompt before", "=> \r\n=> ", "y\r\n", "\r\n=> ", 0, "y"},
		{"no prompt after", "", "z\r\n", "\r\n", 0, "z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, board := dial(t)
				go fakeShell(board, func(cmd, begin string, w marker) string {
					return tt.before + begin + "\r\n" + tt.output + endMarker(w, tt.code) + tt.after
				})
				for range 3 {
					res, err := c.Run(t.Context(), UBoot("=> ", 500), Command{Text: "version", Timeout: time.Minute})
					if err != nil || res.Output != tt.want || res.Code != tt.code {
						t.Fatalf("Run() = %+v, %v; want %q, %d", res, err, tt.want, tt.code)
					}
				}
			})
		})
	}
}

func TestRunRefuses(t *testing.T) {
	c, _ := dial(t)
	for cmd, want := range map[string]string{
		"echo 'open":             "left open",
		`echo "open`:             "left open",
		`echo \`:                 "left open",
		"a\x03b":                 `control character '\x03'`,
		"a\nb":                   "more than one line",
		"a\tb":                   "or a tab",
		strings.Repeat("x", 500): "when framed, U-Boot takes 500",
	} {
		_, err := c.Run(t.Context(), UBoot("=> ", 500), Command{Text: cmd})
		wantKind(t, err, classify.ConsoleText, want)
	}
}

func TestQuotes(t *testing.T) {
	for cmd, want := range map[string][2]bool{ // closed for POSIX, for U-Boot
		"plain": {true, true}, `'a'`: {true, true}, `"it's"`: {true, false}, `"it's 'x"`: {true, true}, `'a"b'`: {true, true}, `a\'b`: {true, true},
		`'a\'`: {true, true}, `"a\"`: {false, false}, `'`: {false, false}, `echo # x`: {true, false}, `#`: {true, false}, `echo '# x' a#b "#"`: {true, true}, `\`: {false, false}, `"$(x 'y')"`: {true, true},
	} {
		if got := [2]bool{closedQuotes(cmd) == nil, closedQuotesUBoot(cmd) == nil}; got != want {
			t.Errorf("closed quotes in %s, for POSIX and for U-Boot = %v; want %v", cmd, got, want)
		}
	}
}

func TestSyncRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, board := dial(t)
		go func() {
			buf, heard := make([]byte, 256), ""
			for {
				n, err := board.Read(buf)
				if err != nil {
					return
				}
				if heard += string(buf[:n]); !strings.Contains(heard, "\x03") { // dead until Ctrl-C
					continue
				}
				if m := regexp.MustCompile(`echo (\w+)'(\w+)\.'\n$`).FindStringSubmatch(heard); m != nil {
					say(board, 3, "> \r\n"+m[1]+m[2]+".\r\n=> ")
				}
			}
		}()
		if err := c.Sync(t.Context(), UBoot("=> ", 500), 3, time.Second); err != nil {
			t.Errorf("Sync() = %v; want nil", err)
		}
	})
}

func TestTranscript(t *testing.T) {
	var b strings.Builder
	tr := NewTranscript(&b)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	tr.Record(at, false, []byte("U-Boot\r\n=> "))
	tr.Record(at, true, []byte("say \"é\"\n"))
	tr.Record(at, false, []byte("\x1b[6n"))
	tr.Record(at, false, []byte("\x00\xff"))
	tr.Note(at, "power off")
	tr.Record(at, false, []byte("rest"))
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	const stamp = "2026-01-02T03:04:05.006Z "
	want := stamp + "< U-Boot\n" + stamp + "< => \n" + stamp + "> say \"é\"\n" + stamp + `< \x1b[6n\x00\xff` + "\n" + stamp + "# power off\n" + stamp + "< rest\n"
	if b.String() != want {
		t.Errorf("transcript:\n%s\nwant:\n%s", b.String(), want)
	}
}

// TestKernelLineInTheMarker puts a line of the kernel at every place within the end marker.
func TestKernelLineInTheMarker(t *testing.T) {
	w := marker{a: "abcde", b: "fghij"}
	const noise = "[  165.850406] usb 1-1: new high-speed USB device number 91\r\n"
	whole := endMarker(w, 42)
	for i := range len(whole) + 1 {
		for _, from := range []int{0, 20} { // what was searched before
			buf := []byte("output\r\n" + whole[:i] + noise + whole[i:] + "\r\n")
			m := w.ended().find(buf, from)
			if m == nil || groups(buf, m)[0] != "42" {
				t.Errorf("ended().find(%q) = %v; want exit code 42", buf, m)
			}
		}
	}
	if m := w.ended().find([]byte(w.askEnd()+"\r\n"+noise), 0); m != nil {
		t.Errorf("ended().find(the echo of askEnd()) = %v; want nil", m)
	}
}
