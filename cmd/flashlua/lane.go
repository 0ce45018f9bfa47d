package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/visible"
)

// lane is what is known of one run from its events. The printer's lock guards it.
type lane struct {
	label           string // before every line; "" if no other run takes place at the same time
	attempt         int
	phase           activity   // outside of steps
	steps           []activity // current steps, the innermost last
	pause           *activity  // wait before a retry; nil if there is none
	step            string     // step of the last progress event
	reportedPercent int64      // last printed progress of step
}

// laneOf returns the lane of the run to which an event belongs. The caller holds mu.
func (p *printer) laneOf(e engine.Event) *lane {
	l := p.lanes[e.Run]
	if l == nil {
		l = &lane{phase: activity{"preparing", e.Time}}
		p.lanes[e.Run] = l
	}
	if l.label = ""; e.Shared {
		l.label = fmt.Sprintf("[%d %s] ", e.Run, visible.Line(e.Board))
	}
	if 0 < e.Run && e.Run <= len(p.stations) {
		l.label = p.stations[e.Run-1] + ": "
	}
	return l
}

// endLane forgets a run of a program after its last event. The caller holds mu.
func (p *printer) endLane(e engine.Event) {
	if e.Type == engine.EventEnd && e.Run > 0 {
		delete(p.lanes, e.Run)
		p.lane = p.laneOf(engine.Event{Time: e.Time})
	}
}

// together returns the activities of the runs that take place at the same time, and the time of the earliest. The
// name is "" if there are none. The caller holds mu.
func (p *printer) together() (all activity) {
	var names []string
	for _, number := range slices.Sorted(maps.Keys(p.lanes)) {
		l := p.lanes[number]
		if l.label == "" {
			continue
		}
		now := l.current()
		if names = append(names, l.label+now.name); all.since == (time.Time{}) || now.since.Before(all.since) {
			all.since = now.since
		}
	}
	all.name = strings.Join(names, ", ")
	return all
}
