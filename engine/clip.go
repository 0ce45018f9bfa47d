package engine

import "github.com/flashlua/flashlua/engine/bounded"

const (
	// mostText is the longest text of an event or a report, in bytes: a board, a server or a script may have made it.
	mostText = 16 << 10
	// mostTexts is how many texts a list of a report has: a script may wrap an error without end.
	mostTexts = 100
)

// clip bounds the texts of an event. Secrets must be masked before: the rest of one could not be found.
func (e *Event) clip() {
	for _, text := range []*string{&e.Text, &e.Error, &e.Kind, &e.Step} {
		*text = bounded.Text(*text, mostText)
	}
}

// clip bounds the texts of a report, once secrets are masked.
func (r *Report) clip() {
	for _, text := range []*string{&r.Error, &r.Kind, &r.Hint, &r.Step, &r.Detail, &r.Stopped} {
		*text = bounded.Text(*text, mostText)
	}
	for _, list := range []*[]string{&r.Chain, &r.Secondary, &r.Console} {
		*list = bounded.List(*list, mostTexts)
		for i, text := range *list {
			(*list)[i] = bounded.Text(text, mostText)
		}
	}
	for _, a := range r.Attempts {
		for _, text := range []*string{&a.Error, &a.Kind, &a.Step} {
			*text = bounded.Text(*text, mostText)
		}
	}
}
