package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
)

// TestLongTexts: the texts of a report are bounded, whatever a script, a board or a server sent.
func TestLongTexts(t *testing.T) {
	long := strings.Repeat("long ", 8<<10)
	err := classify.WithHint(errors.New(long), "%s", long)
	for range 1000 {
		err = classify.Wrap(err, "", "%s", long)
	}
	var more []error
	for i := range 1000 {
		more = append(more, fmt.Errorf("%d: %s", i, long))
	}
	err = classify.WithConsole(classify.WithSecondary(classify.WithStep(err, long), more...), long)
	r := RefusedReport(err)
	raw, jerr := r.MarshalIndent()
	if jerr != nil || len(raw) > 4<<20 {
		t.Errorf("the verdict has %d bytes, %v; want at most 4 MiB", len(raw), jerr)
	}
	if !strings.Contains(r.Error, "bytes left out) … ") || len(r.Chain) != maxTexts+1 || !strings.Contains(r.Chain[maxTexts/2], "left out") {
		t.Errorf("error %.100q, chain of %d; want both cut in the middle", r.Error, len(r.Chain))
	}
	if n := len(r.Secondary); n != maxTexts+1 || r.Secondary[n-1][:4] != "999:" {
		t.Errorf("%d secondary errors, the last is %.10q; want %d, 999:…", n, r.Secondary[n-1], maxTexts+1)
	}
	short := RefusedReport(classify.WithHint(classify.New(classify.Usage, "short"), "hint"))
	if short.Error != "short" || short.Hint != "hint" || len(short.Chain) != 1 {
		t.Errorf("the report of a short error = %+v; want its texts unchanged", short)
	}
}

func TestLongEvents(t *testing.T) {
	var got []Event
	events := newEmitter(clock.Real{}, console.NewSecrets(), "", runName{}, func(e Event) { got = append(got, e) })
	long := strings.Repeat("x", 10<<20)
	events.emit(Event{Type: EventNote, Text: long})
	events.emit(Event{Type: EventStepEnd, Step: long, Error: long, Kind: long})
	events.emit(Event{Type: EventNote, Text: "short"})
	for _, e := range got {
		if n := len(e.Text) + len(e.Error) + len(e.Step) + len(e.Kind); n > 4*maxText {
			t.Errorf("an event has %d bytes; want at most %d", n, 4*maxText)
		}
	}
	if len(got) != 3 || got[2].Text != "short" || !strings.HasSuffix(got[0].Text, "xxx") || !strings.Contains(got[0].Text, "(10469376 bytes left out)") {
		t.Errorf("%d events, the first of %d bytes; want 3, the first cut in the middle", len(got), len(got[0].Text))
	}
}
