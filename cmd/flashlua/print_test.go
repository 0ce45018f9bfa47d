package main

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
)

// apart is added to durations so that a test does not act at the time of a tick, where the order would be random.
const apart = 150 * time.Millisecond

// watched is a printer in a synctest bubble, on a terminal of a width, or on no terminal with 0.
type watched struct {
	*printer
	out *strings.Builder
}

func watch(t *testing.T, width int, level level, environ ...string) watched {
	out := &strings.Builder{}
	env := Env{
		Stderr: out, Terminal: func(io.Writer) int { return width },
		Getenv: func(name string) string {
			for i := 0; i+1 < len(environ); i += 2 {
				if environ[i] == name {
					return environ[i+1]
				}
			}
			return ""
		},
	}
	w := watched{env.newPrinter(clock.Real{}, level), out}
	t.Cleanup(w.end)
	return w
}

// tell sends an event with the current time.
func (w watched) tell(e engine.Event) {
	e.Time = w.clk.Now()
	w.event(e)
}

// said returns the output since the last call.
func (w watched) said() string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.out.Reset()
	return w.out.String()
}

func (w watched) want(t *testing.T, want string) {
	t.Helper()
	if got := w.said(); got != want {
		t.Errorf("printed\n%q; want\n%q", got, want)
	}
}

// flashing are the events of a run.
func (w watched) flashing() {
	w.tell(engine.Event{Type: engine.EventPlan, Text: "x.raw\nto disk"})
	w.tell(engine.Event{Type: engine.EventAttempt, Attempt: 1})
	w.tell(engine.Event{Type: engine.EventStep, Step: "write"})
	for done := range int64(5) {
		time.Sleep(time.Second)
		w.tell(engine.Event{Type: engine.EventProgress, Step: "write", Done: done * 16 << 20, Total: 64 << 20})
	}
	w.tell(engine.Event{Type: engine.EventNote, Text: "said by\nthe \x1b[31mscript"})
	w.tell(engine.Event{Type: engine.EventStep, Step: "verify"})
	time.Sleep(3 * time.Second)
	w.tell(engine.Event{Type: engine.EventStepEnd, Step: "verify", Took: 3 * time.Second, Error: "it differs"})
	w.tell(engine.Event{Type: engine.EventStepEnd, Step: "write", Took: 8 * time.Second, Error: "it differs"})
	w.tell(engine.Event{Type: engine.EventAttemptEnd, Error: "it differs", Class: "retry", Rule: "retry"})
	w.tell(engine.Event{Type: engine.EventRetry, Wait: time.Second})
	w.tell(engine.Event{Type: engine.EventPower, Text: "off"})
}

func TestPlainLines(t *testing.T) {
	const lines = `plan: x.raw
      to disk
attempt 1
  write       20 %  16.0 MiB of 64.0 MiB
  write       50 %  32.0 MiB of 64.0 MiB
  write       70 %  48.0 MiB of 64.0 MiB
  write      100 %  64.0 MiB of 64.0 MiB
  said by
  the \x1b[31mscript
    verify       3.0 s  failed: it differs
  write        8.0 s  failed: it differs
  retry: it differs
  next attempt in 1s
power off
`
	for _, tt := range []struct {
		name    string
		width   int
		environ []string
	}{
		{"no terminal", 0, nil},
		{"dumb terminal", 80, []string{"TERM", "dumb"}},
		{"CI with a terminal", 80, []string{"CI", "true"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := watch(t, tt.width, normal, tt.environ...)
				w.flashing()
				w.want(t, lines)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, 0, quiet)
		w.flashing()
		w.note("of a script")
		time.Sleep(time.Hour)
		w.want(t, "")
	})
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, 0, verbose)
		w.flashing()
		if got := w.said(); !strings.Contains(got, "  write      begins\n") || !strings.Contains(got, "    verify     begins\n") {
			t.Errorf("printed %q", got)
		}
		w.Write([]byte("2026-01-01T00:00:00.000Z < U-Boot 2026.01\n"))
		w.want(t, "  < U-Boot 2026.01\n")
	})
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, 0, normal)
		time.Sleep(heartbeatInterval + apart)
		w.want(t, "  preparing: still waiting after 30s (30s in all)\n")
		time.Sleep(heartbeatInterval - time.Second - apart)
		w.tell(engine.Event{Type: engine.EventAttempt, Attempt: 1})
		w.tell(engine.Event{Type: engine.EventStep, Step: "write"})
		w.tell(engine.Event{Type: engine.EventStep, Step: "verify"})
		w.said()
		time.Sleep(heartbeatInterval - apart)
		w.want(t, "") // the interval starts at the last line
		time.Sleep(heartbeatInterval + 2*apart)
		w.want(t, "  write > verify: still waiting after 30s (attempt 1, 1m29s in all)\n"+
			"  write > verify: still waiting after 1m0s (attempt 1, 1m59s in all)\n")
		w.tell(engine.Event{Type: engine.EventStepEnd, Step: "verify"})
		w.tell(engine.Event{Type: engine.EventRetry, Step: "verify", Wait: time.Minute})
		w.said()
		time.Sleep(heartbeatInterval + apart)
		w.want(t, "  verify again: still waiting after 30s (attempt 1, 2m29s in all)\n")
		w.tell(engine.Event{Type: engine.EventRetry, Wait: time.Minute})
		w.said()
		time.Sleep(heartbeatInterval + apart)
		w.want(t, "  next attempt: still waiting after 30s (attempt 1, 2m59s in all)\n")
		w.end()
		time.Sleep(time.Hour)
		w.want(t, "")
	})
}

// shows interprets output as a terminal does. It returns the lines on the screen.
func shows(t *testing.T, out string, width int) string {
	t.Helper()
	var lines []string
	line := ""
	for out != "" {
		switch {
		case strings.HasPrefix(out, clearLine):
			line, out = "", out[len(clearLine):]
		case out[0] == '\n':
			lines, line, out = append(lines, line), "", out[1:]
		default:
			line, out = line+out[:1], out[1:]
			if len(line) >= width && !strings.Contains(line, "\x1b") && out != "" && out[0] != '\n' {
				t.Fatalf("the line %q does not fit %d columns", line, width)
			}
		}
	}
	return strings.Join(append(lines, line), "\n")
}

func TestTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, 80, normal)
		w.tell(engine.Event{Type: engine.EventAttempt, Attempt: 1})
		w.tell(engine.Event{Type: engine.EventStep, Step: "linux"})
		time.Sleep(2*time.Second + apart)
		all := w.said()
		if got, want := shows(t, all, 80), "attempt 1\n  linux  2s"; got != want {
			t.Errorf("the screen shows\n%s\nwant\n%s", got, want)
		}
		w.tell(engine.Event{Type: engine.EventStepEnd, Step: "linux", Took: 2 * time.Second})
		w.tell(engine.Event{Type: engine.EventStep, Step: "write"})
		for done := range int64(4) {
			time.Sleep(time.Second)
			w.tell(engine.Event{Type: engine.EventProgress, Step: "write", Done: done * 16 << 20, Total: 64 << 20})
			w.tell(engine.Event{Type: engine.EventProgress, Step: "write", Done: done*16<<20 + 1, Total: 64 << 20})
		}
		time.Sleep(time.Second / 4)
		all += w.said()
		if got, want := shows(t, all, 80), "attempt 1\n  linux        2.0 s  ok\n"+
			"  write  75% [=================>......] (48/64 MiB, 16 MiB/s)  1s left"; got != want {
			t.Errorf("the screen shows\n%s\nwant\n%s", got, want)
		}
		w.tell(engine.Event{Type: engine.EventNote, Text: "in between"})
		w.tell(engine.Event{Type: engine.EventProgress, Step: "write", Done: 64 << 20, Total: 64 << 20})
		if all += w.said(); !strings.HasSuffix(all, "in between\n  write  75% [=================>......] (48/64 MiB, 16 MiB/s)  1s left"+clearLine+"  write  4s") {
			t.Errorf("a full bar stays: %q", all)
		}
		w.tell(engine.Event{Type: engine.EventStepEnd, Step: "write", Took: 4 * time.Second, Error: "no"})
		w.end()
		time.Sleep(time.Hour)
		all += w.said()
		if got, want := shows(t, all, 80), "attempt 1\n  linux        2.0 s  ok\n  in between\n  write        4.0 s  \x1b[31mfailed: no\x1b[0m\n"; got != want {
			t.Errorf("the screen shows\n%q\nwant\n%q", got, want)
		}
	})
}

func TestNarrowTerminalWithoutColour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, 20, normal, "NO_COLOR", "1")
		w.tell(engine.Event{Type: engine.EventStep, Step: "write"})
		w.tell(engine.Event{Type: engine.EventProgress, Step: "write", Done: 16 << 20, Total: 64 << 20})
		time.Sleep(2*time.Second + apart)
		if got, want := shows(t, w.said(), 20), "  write  25% [=====>"; len(got) != 19 || !strings.HasPrefix(want, got) {
			t.Errorf("the screen shows %q; want %q", got, want)
		}
		w.tell(engine.Event{Type: engine.EventProgress, Step: "download", Done: 3 << 20}) // unknown total
		time.Sleep(time.Second)
		if got, want := shows(t, w.said(), 20), "  download  3.0 MiB"; got != want {
			t.Errorf("the screen shows %q; want %q", got, want)
		}
		w.tell(engine.Event{Type: engine.EventStepEnd, Step: "write", Error: "no"})
		if got := w.said(); strings.Contains(got, "\x1b[31m") {
			t.Errorf("printed %q with NO_COLOR", got)
		}
	})
}

func TestColours(t *testing.T) {
	for _, tt := range []struct {
		width    int
		environ  map[string]string
		coloured bool
	}{
		{80, nil, true},
		{80, map[string]string{"NO_COLOR": ""}, true},
		{80, map[string]string{"NO_COLOR": "0"}, false},
		{80, map[string]string{"TERM": "dumb"}, false},
		{80, map[string]string{"CI": "1"}, false},
		{0, nil, false},
	} {
		var out, errs strings.Builder
		env := Env{Stdout: &out, Stderr: &errs, Getenv: func(n string) string { return tt.environ[n] }, Terminal: func(io.Writer) int { return tt.width }}
		env.printSuccess(&engine.Report{Result: engine.ResultVerified, Mode: engine.ModeVerify, Image: engine.ImageReport{Path: "x.raw"}, Board: "b", Attempt: 1, Target: engine.TargetReport{Name: "disk", Device: "/dev/vda"}})
		env.printFailure(&engine.Report{Result: "failed", Mode: engine.ModeVerify, Exit: 3, Class: "fatal", Rule: "fatal", Kind: "verify.mismatch", Error: "it\x9b \adiffers \u009b ü", Attempt: 1, Console: []string{"last \x1b[1mline"}, Target: engine.TargetReport{State: engine.Untouched}})
		success, failure := "verified: x.raw on disk (/dev/vda) of b in 0s, attempt 1; flashlua wrote nothing\n",
			"\nError: it\\x9b \\x07differs \\x9b ü\nConsole: last \\x1b[1mline\nfailed: fatal, verify.mismatch, attempt 1, target untouched; flashlua wrote nothing (exit 3)\n"
		if tt.coloured {
			success = strings.Replace(success, "verified:", "\x1b[32mverified:\x1b[0m", 1)
			failure = strings.Replace(failure, "Error", "\x1b[31mError\x1b[0m", 1)
			failure = strings.Replace(failure, "failed: fatal", "\x1b[31mfailed: fatal", 1)
			failure = strings.TrimSuffix(failure, "\n") + "\x1b[0m\n"
		}
		if out.String() != success || errs.String() != failure {
			t.Errorf("width %d, %v: %q\n%q", tt.width, tt.environ, out.String(), errs.String())
		}
	}
}
