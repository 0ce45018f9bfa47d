package engine

import "github.com/flashlua/flashlua/engine/bounded"

const (
	// maxText bounds a text of an event or a report, in bytes. It may come from a board, a server or a script.
	maxText = 16 << 10
	// maxTexts bounds a list of texts of a report. A script may wrap an error without end.
	maxTexts = 100
)

// clip bounds the texts of an event. Secrets must be masked before: a part of one would not be found.
func (e *Event) clip() {
	for _, text := range []*string{&e.Text, &e.Error, &e.Kind, &e.Step} {
		*text = bounded.Text(*text, maxText)
	}
}

// clip bounds the texts of a report. Secrets must be masked before.
func (r *Report) clip() {
	for _, text := range []*string{&r.Error, &r.Kind, &r.Hint, &r.Step, &r.Detail, &r.StopReason} {
		*text = bounded.Text(*text, maxText)
	}
	for _, list := range []*[]string{&r.Chain, &r.Secondary, &r.Console} {
		*list = bounded.List(*list, maxTexts)
		for i, text := range *list {
			(*list)[i] = bounded.Text(text, maxText)
		}
	}
	if c := r.Check; c != nil {
		c.Error, c.Kind = bounded.Text(c.Error, maxText), bounded.Text(c.Kind, maxText)
	}
	for _, a := range r.Attempts {
		for _, text := range []*string{&a.Error, &a.Kind, &a.Step} {
			*text = bounded.Text(*text, maxText)
		}
	}
}
