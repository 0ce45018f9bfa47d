package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/flashlua/flashlua/engine"
)

// heartbeat is how long nothing is printed where nothing can be painted over, before a line says that all is well.
const heartbeat = 30 * time.Second

// activity is something that takes its time.
type activity struct {
	name  string
	since time.Time
}

// next is how long it is to the next tick.
func (p *printer) next() time.Duration {
	if p.live != nil {
		return refresh
	}
	return heartbeat - p.clk.Now().Sub(p.printed)
}

// tick shows that time passes.
func (p *printer) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	if p.live != nil {
		p.put("", true)
	} else if now := p.clk.Now(); now.Sub(p.printed) >= heartbeat {
		a := p.now()
		p.put(fmt.Sprintf("  %s: still waiting after %s (%s%s in all)\n", plain(a.name), roundToSeconds(now.Sub(a.since)), p.attemptText(), roundToSeconds(now.Sub(p.began))), true)
	}
	p.stop = p.clk.AfterFunc(p.next(), p.tick)
}

func (p *printer) attemptText() string {
	if p.attempt == 0 {
		return ""
	}
	return fmt.Sprintf("attempt %d, ", p.attempt)
}

func roundToSeconds(d time.Duration) string { return d.Round(time.Second).String() }

// now is what is being waited for.
func (p *printer) now() activity {
	switch n := len(p.steps); {
	case p.pause != nil:
		return *p.pause
	case n == 0:
		return p.phase
	default:
		var names []string
		for _, s := range p.steps {
			names = append(names, s.name)
		}
		return activity{strings.Join(names, " > "), p.steps[n-1].since}
	}
}

// track keeps track of what the run does.
func (p *printer) track(e engine.Event) {
	switch e.Type {
	case engine.EventAttempt:
		p.attempt, p.steps, p.pause, p.phase = e.Attempt, nil, nil, activity{fmt.Sprintf("attempt %d", e.Attempt), e.Time}
		p.step = ""
	case engine.EventStep:
		p.steps, p.pause = append(p.steps, activity{e.Step, e.Time}), nil
	case engine.EventStepEnd:
		p.steps = p.steps[:max(len(p.steps)-1, 0)]
	case engine.EventAttemptEnd:
		p.steps, p.phase = nil, activity{"ending", e.Time}
	case engine.EventRetry:
		name := "next attempt"
		if e.Step != "" {
			name = e.Step + " again"
		}
		p.pause = &activity{name, e.Time}
	}
	if p.live != nil && e.Type != engine.EventProgress && e.Type != engine.EventNote {
		p.live.over()
	}
}
