package engine

import "github.com/flashlua/flashlua/engine/bounded"

const (
	// maxText is the longest text of an event or a report, in bytes: a board, a server or a script may have made it.
	maxText = 16 << 10
	// maxTexts is how many texts a list of a report has: a script may wrap an error without end.
	maxTexts = 100
)

// clip bounds the texts of an event. Secrets must be masked before: the rest of one could not be found.
func (e *Event) clip() {
	for _, text := range []*string{&e.Text, &e.Error, &e.Kind, &e.Step} {
		*text = bounded.Text(*text, maxText)
	}
}

// clip bounds the texts of a report, once secrets are masked.
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
	for _, a := range r.Attempts {
		for _, text := range []*string{&a.Error, &a.Kind, &a.Step} {
			*text = bounded.Text(*text, maxText)
		}
	}
}
