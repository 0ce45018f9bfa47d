package report

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/visible"
)

const (
	plotWidth, plotHeight = 640, 120 // of the drawing, in its units
	maxPoints             = 160      // of a plot
)

// plot is the progress of a step: the bytes done, and their rate.
type plot struct {
	Text string // in place of the drawing
	SVG  template.HTML
}

// plotOf draws the progress of a step. Without two points of time there is nothing to draw.
func plotOf(events []engine.Event) *plot {
	if len(events) < 3 {
		return nil
	}
	first, last := events[0], events[len(events)-1]
	took := last.Time.Sub(first.Time)
	if took < 50*time.Millisecond || last.Done <= first.Done {
		return nil
	}
	total := max(last.Total, last.Done)
	for _, e := range events {
		total = max(total, e.Done)
	}
	thin := (len(events) + maxPoints - 1) / maxPoints
	var done []string
	var rates []float64
	var at []float64
	previous := first
	top := 0.0
	span := rateSpan(took)
	for i, e := range events {
		x := e.Time.Sub(first.Time).Seconds() / took.Seconds() * plotWidth
		if i%thin == 0 || i == len(events)-1 {
			done = append(done, fmt.Sprintf("%.1f,%.1f", x, plotHeight-float64(max(0, e.Done))/float64(total)*plotHeight))
		}
		d := e.Time.Sub(previous.Time)
		switch {
		case e.Done < previous.Done: // it began again
			previous = e
		case d >= span:
			rate := float64(e.Done-previous.Done) / d.Seconds()
			rates, at = append(rates, rate), append(at, x)
			top = max(top, rate)
			previous = e
		}
	}
	mean := float64(last.Done-first.Done) / took.Seconds()
	top = max(top, mean)
	var rate []string
	for i := range rates {
		rate = append(rate, fmt.Sprintf("%.1f,%.1f", at[i], plotHeight-rates[i]/top*plotHeight*0.94))
	}
	p := &plot{Text: fmt.Sprintf("%s of %s in %s: %s/s on average, at most %s/s", inBytes(float64(last.Done)), inBytes(float64(total)), inSeconds(took), inBytes(mean), inBytes(top))}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="plot" viewBox="0 0 %d %d" preserveAspectRatio="none" role="img"><title>%s</title>`, plotWidth, plotHeight, template.HTMLEscapeString(p.Text))
	fmt.Fprintf(&b, `<polygon class="done" points="0,%d %s %d,%d"/>`, plotHeight, strings.Join(done, " "), plotWidth, plotHeight)
	fmt.Fprintf(&b, `<polyline class="rate" points="%s"/></svg>`, strings.Join(rate, " "))
	p.SVG = template.HTML(b.String()) // numbers and escaped text
	return p
}

// rateSpan returns the shortest time over which a rate is taken. Over a shorter one it is that of a buffer: the first
// samples of a transfer are microseconds apart.
func rateSpan(took time.Duration) time.Duration {
	return max(took/maxPoints, min(took/4, 200*time.Millisecond))
}

// overview draws the attempts of a timeline and their steps, one below the other.
func (t *timeline) overview() template.HTML {
	total := t.end.Sub(t.begin).Seconds()
	if total <= 0 || len(t.attempts) == 0 {
		return ""
	}
	const row, gap = 14, 4
	x := func(at time.Time) float64 { return min(1, max(0, at.Sub(t.begin).Seconds()/total)) * plotWidth }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="overview" viewBox="0 0 %d %d" preserveAspectRatio="none" style="height:%dpx" role="img"><title>%s in %s</title>`,
		plotWidth, len(t.attempts)*(row+gap), len(t.attempts)*(row+gap), plural(len(t.attempts), "attempt"), inSeconds(t.end.Sub(t.begin)))
	bar := func(class string, y, height int, from, to time.Time, title string) {
		fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d"><title>%s</title></rect>`, class, x(from), y, max(1.5, x(to)-x(from)), height, template.HTMLEscapeString(title))
	}
	for i, a := range t.attempts {
		y := i * (row + gap)
		class := "ok"
		if a.failed() {
			class = "bad"
		}
		bar("attempt "+class, y, row, a.begin, a.end, a.title()+", "+inSeconds(a.end.Sub(a.begin)))
		for j, s := range a.steps {
			if s.depth > 0 {
				continue
			}
			class := fmt.Sprintf("step s%d", j%2)
			if s.failed() {
				class = "step bad"
			}
			bar(class, y+2, row-4, s.begin, s.end, visible.Line(s.name)+", "+inSeconds(s.end.Sub(s.begin)))
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // numbers and escaped text
}

func (a *attempt) failed() bool { return !a.ended || a.failure.Error != "" }

func (s *step) failed() bool { return !s.ended || s.err != "" }

// title names an attempt.
func (a *attempt) title() string {
	if a.number == 0 {
		return "without an attempt"
	}
	return fmt.Sprintf("attempt %d", a.number)
}
