package console

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	secretShown = "********"
	minSecret   = 3 // bytes; a shorter text is part of too many words to be masked outside of its own echo
)

// Secrets are texts that no record may show. Each line of a text is a secret of its own, because lines are typed
// and echoed separately. A nil Secrets masks nothing. It is safe for concurrent use.
type Secrets struct {
	mu    sync.RWMutex // mu guards words
	words []string     // what is masked anywhere, the longest first
}

// NewSecrets returns a set of secrets. Those of fewer than three bytes are masked only in the echo of their own
// typing.
func NewSecrets(texts ...string) *Secrets {
	s := &Secrets{}
	s.Add(texts...)
	return s
}

// Add adds more texts.
func (s *Secrets) Add(texts ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range texts {
		for _, line := range secretLines(text) {
			if len(line) >= minSecret {
				s.words = append(s.words, line)
				s.words = append(s.words, quotedForms(line)...)
			}
		}
	}
	slices.SortFunc(s.words, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	s.words = slices.Compact(s.words)
}

// secretLines returns the lines of a secret that are not empty.
func secretLines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
}

// quotedForms returns the forms of text within quotes, as errors print it, where they differ from text.
func quotedForms(text string) (forms []string) {
	for _, quote := range []func(string) string{strconv.Quote, strconv.QuoteToGraphic, strconv.QuoteToASCII} {
		quoted := quote(text)
		if quoted = quoted[1 : len(quoted)-1]; quoted != text {
			forms = append(forms, quoted)
		}
	}
	return forms
}

// Mask returns text with stars in place of every whole secret. Secrets that overlap are masked together.
func (s *Secrets) Mask(text string) string { return starred(text, s.spans(text)) }

// longest returns the length of the longest secret.
func (s *Secrets) longest() int {
	if s == nil {
		return 0
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.words) == 0 {
		return 0
	}
	return len(s.words[0])
}

// spans returns the places of the whole secrets in text.
func (s *Secrets) spans(text string) (all []span) {
	if s == nil {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, w := range s.words {
		for at := 0; ; at++ {
			i := strings.Index(text[at:], w)
			if i < 0 {
				break
			}
			at += i
			all = append(all, span{at, at + len(w)})
		}
	}
	return all
}

// partialSuffix returns how many bytes at the end of text may be the beginning of a secret.
func (s *Secrets) partialSuffix(text string) int {
	if s == nil {
		return 0
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	longest := 0
	for _, w := range s.words {
		for n := min(len(w)-1, len(text)); n > longest; n-- {
			if strings.HasSuffix(text, w[:n]) {
				longest = n
			}
		}
	}
	return longest
}

// span is a range of a text, by its indexes.
type span struct{ from, to int }

// merged returns spans in order, with those that overlap merged.
func merged(spans []span) (all []span) {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(a.from-b.from, b.to-a.to) })
	for _, p := range spans {
		if last := len(all) - 1; last >= 0 && p.from < all[last].to {
			all[last].to = max(all[last].to, p.to)
		} else {
			all = append(all, p)
		}
	}
	return all
}

// starred returns text with stars in place of spans.
func starred(text string, spans []span) string {
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	end := 0
	for _, p := range merged(spans) {
		b.WriteString(text[end:min(p.from, len(text))])
		b.WriteString(secretShown)
		end = min(p.to, len(text))
	}
	b.WriteString(text[end:])
	return b.String()
}
