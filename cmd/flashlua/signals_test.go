package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

func noSignals() (<-chan os.Signal, func()) { return nil, func() {} }

// TestSignals sends signals at given times and checks how the command ends.
func TestSignals(t *testing.T) {
	const ms = time.Millisecond
	type sent struct {
		at     time.Duration
		signal syscall.Signal
	}
	for name, tt := range map[string]struct {
		sent []sent
		want string
	}{
		"none":                        {nil, ""},
		"one":                         {[]sent{{0, syscall.SIGTERM}}, "0s end SIGTERM"},
		"timeout's two":               {[]sent{{0, syscall.SIGTERM}, {50 * time.Microsecond, syscall.SIGTERM}}, "0s end SIGTERM"},
		"a terminal that hangs up":    {[]sent{{ms, syscall.SIGHUP}, {ms, syscall.SIGTERM}, {2 * ms, syscall.SIGHUP}}, "1ms end SIGHUP"},
		"just one request":            {[]sent{{0, syscall.SIGINT}, {1999 * ms, syscall.SIGINT}}, "0s end SIGINT"},
		"just two":                    {[]sent{{0, syscall.SIGINT}, {2000 * ms, syscall.SIGTERM}}, "0s end SIGINT, 2s hurry SIGTERM"},
		"an impatient person":         {[]sent{{0, syscall.SIGINT}, {500 * ms, syscall.SIGINT}, {1500 * ms, syscall.SIGINT}, {2500 * ms, syscall.SIGINT}, {3 * time.Second, syscall.SIGINT}}, "0s end SIGINT, 2.5s hurry SIGINT"},
		"two twice":                   {[]sent{{0, syscall.SIGTERM}, {ms, syscall.SIGTERM}, {5000 * ms, syscall.SIGTERM}, {5001 * ms, syscall.SIGTERM}}, "0s end SIGTERM, 5s hurry SIGTERM"},
		"three":                       {[]sent{{0, syscall.SIGTERM}, {3000 * ms, syscall.SIGHUP}, {5000 * ms, syscall.SIGQUIT}}, "0s end SIGTERM, 3s hurry SIGHUP, 5s exit 131"},
		"a storm":                     {[]sent{{0, syscall.SIGHUP}, {ms, syscall.SIGINT}, {2 * ms, syscall.SIGQUIT}, {3 * ms, syscall.SIGTERM}}, "0s end SIGHUP"},
		"a third too early to be one": {[]sent{{0, syscall.SIGTERM}, {2500 * ms, syscall.SIGTERM}, {4400 * ms, syscall.SIGTERM}}, "0s end SIGTERM, 2.5s hurry SIGTERM"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				began := time.Now()
				note := func(text string) { got = append(got, time.Since(began).String()+" "+text) }
				signals := make(chan os.Signal)
				env := Env{
					Stderr:  &strings.Builder{},
					Signals: func() (<-chan os.Signal, func()) { return signals, func() {} },
					Exit:    func(code int) { note(fmt.Sprint("exit ", code)) },
				}
				env.Getenv = func(name string) string { return map[string]string{"TERM": "dumb"}[name] }
				w, stop := env.withSignals(clock.Real{})
				seen := map[string]bool{}
				look := func(s os.Signal) {
					synctest.Wait()
					select {
					case <-w.Done():
						if !seen["end"] {
							note("end " + exitSignals[s])
							if err := context.Cause(w); classify.Find(err, classify.RunInterrupted) == nil || !strings.HasSuffix(err.Error(), exitSignals[s]) {
								t.Errorf("cause = %v", err)
							}
						}
						seen["end"] = true
					default:
					}
					select {
					case <-w.hurry:
						if !seen["hurry"] {
							note("hurry " + exitSignals[s])
						}
						seen["hurry"] = true
					default:
					}
				}
				for _, s := range tt.sent {
					time.Sleep(s.at - time.Since(began))
					signals <- s.signal
					look(s.signal)
				}
				stop()
				if got := strings.Join(got, ", "); got != tt.want {
					t.Errorf("got %q; want %q", got, tt.want)
				}
			})
		})
	}
}
