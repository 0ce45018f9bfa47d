package shell

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/consoletest"
)

// wellBehaved answers the commands of Login as a board without faults.
func wellBehaved(cmd string) (output, code string) {
	switch {
	case cmd == prepareCmd:
		return prepared(time.Now()), "0"
	case strings.HasPrefix(cmd, "date"):
		return fmt.Sprintln(time.Now().Unix()), "0"
	}
	return probeText + "\r\n", "0"
}

// prepared is the output of prepareCmd on a quiet board.
func prepared(now time.Time) string {
	return fmt.Sprintf("1\t4\t1\t7\r\n12.34 10.00\r\n%d\r\n", now.Unix())
}

// TestPrepare checks what Login does with a shell that answers, and how it reports a board on which that fails.
func TestPrepare(t *testing.T) {
	const day = 24 * time.Hour
	isPrepare := func(cmd string) bool { return cmd == prepareCmd }
	isDate := func(cmd string) bool { return strings.HasPrefix(cmd, "date ") }
	for name, tt := range map[string]struct {
		odd   func(cmd string) (out, code string, ok bool) // ok is false for a normal answer
		kind  classify.Kind
		note  string
		typed []string // the commands after the preparation
	}{
		"nothing odd": {func(string) (string, string, bool) { return "", "", false }, "", "", nil},
		"printk stays": {func(cmd string) (string, string, bool) {
			return strings.Replace(prepared(time.Now()), "1", "7", 1), "0", isPrepare(cmd)
		}, "", `kernel messages stay on the console: /proc/sys/kernel/printk says "7\t4\t1\t7"`, nil},
		"no printk": {func(cmd string) (string, string, bool) {
			return fmt.Sprintf("cat: can't open '/proc/sys/kernel/printk'\r\n%d\r\n", time.Now().Unix()), "0", isPrepare(cmd)
		}, "", "kernel messages stay on the console", nil},
		"a little off": {func(cmd string) (string, string, bool) {
			return prepared(time.Now().Add(time.Second - maxClockError)), "0", isPrepare(cmd)
		}, "", "", nil},
		"no clock before": {func(cmd string) (string, string, bool) {
			return prepared(time.Unix(0, 0)), "0", isPrepare(cmd)
		}, "", "", []string{"date -s @946684800;date +%s"}},
		"an old date": {func(cmd string) (string, string, bool) {
			return "date: invalid date '@946684800'\r\n0\r\n", "0", isPrepare(cmd) || strings.Contains(cmd, "@")
		}, "", "kernel messages stay", []string{"date -s @946684800;date +%s", "date -u 010100002000.00;date +%s"}},
		"a day ahead": {func(cmd string) (string, string, bool) {
			return prepared(time.Now().Add(day)), "0", isPrepare(cmd)
		}, "", "", []string{"date -s @946684800;date +%s"}},
		"a clock that stays": {func(cmd string) (string, string, bool) {
			return prepared(time.Now().Add(-day)), "0", isPrepare(cmd) || isDate(cmd)
		}, "", "the board's clock is off by -24h0m0s and cannot be set", []string{"date -s @946684800;date +%s", "date -u 010100002000.00;date +%s"}},
		"a date that never ends": {func(cmd string) (string, string, bool) {
			return prepared(time.Unix(0, 0)), map[bool]string{true: "0", false: ""}[isPrepare(cmd)], isPrepare(cmd) || isDate(cmd)
		}, "", "the board's clock may be wrong: timed out after", []string{"date -s @946684800;date +%s"}},
		"a preparation that never ends": {func(cmd string) (string, string, bool) {
			return "", "", isPrepare(cmd)
		}, "", "the kernel's messages may stay on the console, and the board's clock may be wrong: timed out after", nil},
		"a panic meanwhile": {func(cmd string) (string, string, bool) {
			return "[    9.123456] Kernel panic - not syncing: Fatal exception\r\n", "", isPrepare(cmd)
		}, classify.BoardPanic, "", nil},
		"no date": {func(cmd string) (string, string, bool) {
			return "1\t4\t1\t7\r\n12.34 10.00\r\nsh: date: not found\r\n", "127", isPrepare(cmd) || isDate(cmd)
		}, "", "the board's clock cannot be read", []string{"date -s @946684800;date +%s", "date -u 010100002000.00;date +%s"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var notes, typed []string
				note := func(text string) { notes = append(notes, text) }
				_, err := loginIn(t, Default, Booting, note, &board{talk: [][2]string{{"", "# "}}, odd: func(cmd string) (string, string) {
					typed = append(typed, cmd)
					if out, code, ok := tt.odd(cmd); ok {
						return out, code
					}
					return wellBehaved(cmd)
				}})
				all := strings.Join(notes, "\n")
				if f := classify.Facts(err); f.Kind != tt.kind || !strings.Contains(all, tt.note) || tt.note == "" && all != "" {
					t.Errorf("Login() = %v of kind %q, noted %q; want kind %q, note %q", err, f.Kind, all, tt.kind, tt.note)
				}
				if want := append([]string{prepareCmd}, tt.typed...); fmt.Sprintf("%q", typed) != fmt.Sprintf("%q", want) {
					t.Errorf("commands = %q; want %q", typed, want)
				}
			})
		})
	}
}

// TestRoundTrip checks a board that does not echo: what is typed must come back.
func TestRoundTrip(t *testing.T) {
	const mangled = "AZaz09!\"#$%&"
	for name, tt := range map[string]struct {
		answers []string // to the tries, the last one to all that follow; "" is none
		kind    classify.Kind
	}{
		"right":                 {[]string{probeText + "\r\n"}, ""},
		"mangled":               {[]string{mangled + "\r\n"}, classify.ShellSync},
		"mangled once":          {[]string{mangled + "\r\n", probeText + "\r\n"}, ""},
		"noise before it":       {[]string{"[    5.123456] usb 1-1: new device\r\n" + probeText + "\r\n"}, ""},
		"an end that never was": {[]string{""}, classify.ShellSync},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				port, wire := consoletest.NewBoard(t)
				c := console.New(port, console.Config{Typing: console.Typing{NoEcho: true}})
				t.Cleanup(func() { c.Close() })
				n := 0
				wire.Mute, wire.Prompt = true, "# "
				wire.Reply = func(cmd string) (string, string) {
					if !strings.HasPrefix(cmd, "echo 'AZ") {
						return wellBehaved(cmd)
					}
					answer := tt.answers[min(n, len(tt.answers)-1)]
					n++
					if answer == "" {
						return probeText[:5], ""
					}
					return answer, "0"
				}
				go func() { wire.Say("# "); wire.Serve() }()
				_, err := Login(t.Context(), c, Default, Booting, nil)
				if f := classify.Facts(err); f.Kind != tt.kind || n == 0 {
					t.Errorf("Login() = %v of kind %q after %d tries; want kind %q", err, f.Kind, n, tt.kind)
				}
			})
		})
	}
}
