package console

import (
	"context"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

func TestEpoch(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lines []string // that the events come from
		want  string
	}{
		{"no event", nil, ""},
		{"an event without a line", []string{""}, "the shell is gone: event 0"},
		{"an event", []string{"a.lua:3"}, "the shell is gone since a.lua:3: event 0"},
		{"the first event counts", []string{"a.lua:3", "a.lua:9"}, "the shell is gone since a.lua:3: event 0"},
	} {
		e := (&Console{}).NewEpoch("shell")
		for i, line := range tt.lines {
			e.end(WithCaller(t.Context(), line), "event "+string(rune('0'+i)))
		}
		got := ""
		if err := e.err(); err != nil {
			got = err.Error()
			if f := classify.Facts(err); f.Kind != classify.ScriptStale || f.Class != classify.Fatal || f.Hint == "" {
				t.Errorf("%s: Facts() = %+v; want kind script.stale, fatal, with a hint", tt.name, f)
			}
		}
		if got != tt.want {
			t.Errorf("%s: err() = %q; want %q", tt.name, got, tt.want)
		}
	}
	var none *Epoch
	none.end(t.Context(), "x")
	if err := none.err(); err != nil {
		t.Errorf("err() of a nil epoch = %v; want nil", err)
	}
}

// TestCommandsThatEndAShell: only a command that reboots ends the epoch, not one that mentions a reboot.
func TestCommandsThatEndAShell(t *testing.T) {
	for cmd, want := range map[string]bool{
		"reboot": true, " /sbin/reboot -f": true, "poweroff -n -f": true, "halt": true, "systemctl reboot": true, "init 6": true,
		"reboot -w": false, "which reboot": false, "test -e /x && reboot": false, "rebooted": false, "init 3": false, "echo reboot": false,
	} {
		c := &Console{}
		i := &Interpreter{Console: c, Epoch: c.NewEpoch("shell")}
		i.updateEpoch(context.Background(), Command{Text: cmd}, Result{}, nil)
		if got := i.Epoch.err() != nil; got != want {
			t.Errorf("updateEpoch(%q, exit code 0) ends the epoch = %t; want %t", cmd, got, want)
		}
		i.Epoch = c.NewEpoch("shell")
		if i.updateEpoch(context.Background(), Command{Text: cmd}, Result{Code: 1}, nil); i.Epoch.err() != nil {
			t.Errorf("err() after %q with exit code 1 = %v; want nil", cmd, i.Epoch.err())
		}
	}
}

// TestBanners: a banner is found however it is split into reads, unless the abort is disabled.
func TestBanners(t *testing.T) {
	for _, tt := range []struct {
		chunks   []string
		disabled string
		want     classify.Kind
	}{
		{[]string{"ready\r\n# "}, "", ""},
		{[]string{"see U-Boot 2024.01\r\n"}, "", ""},
		{[]string{"\r\n\r\nU-Boot 2024.01 (x)\r\n"}, "", classify.BoardReset},
		{[]string{"\r\nU-B", "oot SPL 20", "24.01", " (x)\r\n"}, "", classify.BoardReset},
		{[]string{"\r\nU-Boot 2024.01 (x)\r\n"}, "reset", ""},
		{[]string{"\r\nU-Boot 2024.01 (x)\r\n"}, "panic", classify.BoardReset},
	} {
		c := &Console{}
		c.stream.watches = &c.watches
		c.PushAborts(Watch{Disable: []string{tt.disabled}})
		i := &Interpreter{Console: c, Epoch: c.NewEpoch("shell")}
		for _, chunk := range tt.chunks {
			c.stream.add([]byte(chunk), time.Time{})
		}
		if got := classify.Facts(i.Live(t.Context())).Kind; got != tt.want {
			t.Errorf("Live() after %q, with %q disabled = kind %q; want %q", tt.chunks, tt.disabled, got, tt.want)
		}
		if err := i.Live(t.Context()); tt.want != "" && classify.Facts(err).Kind != classify.ScriptStale {
			t.Errorf("second Live() after %q = %v; want kind %s", tt.chunks, err, classify.ScriptStale)
		}
	}
}
