package engine

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
)

// TestProgressIsReportedAtIntervals: every step has its first and its last progress event, and at most ten a
// second between them.
func TestProgressIsReportedAtIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		events := newEmitter(clock.Real{}, console.NewSecrets(), "", runName{}, func(e Event) { got = append(got, fmt.Sprint(e.Step, " ", e.Done)) })
		for done := int64(1); done <= 1000; done++ {
			events.progress("write", done, 1000)
			events.progress("unpack", done, 0)
			time.Sleep(time.Millisecond)
		}
		events.progress("write", 1000, 1000) // is reported already
		events.progress("write", 1, 1000)    // begins again
		want := []string{"write 1", "unpack 1"}
		for done := 101; done < 1000; done += 100 {
			want = append(want, fmt.Sprint("write ", done), fmt.Sprint("unpack ", done))
		}
		if want = append(want, "write 1000", "write 1"); !slices.Equal(got, want) {
			t.Errorf("progress events = %q; want %q", got, want)
		}
	})
}
