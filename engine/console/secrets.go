package console

import (
	"slices"
	"strings"
)

const (
	secretShown = "********"
	secretLeast = 3 // bytes; what is shorter cannot be told from other text
)

// Secrets are texts that no record shows.
type Secrets struct {
	texts    []string
	words    []string // the longest first
	replacer *strings.Replacer
}

// NewSecrets hides texts of at least three bytes. A board may swallow the first characters of what is typed and echo the
// rest, so the ends of a text are hidden too, down to its second half.
func NewSecrets(texts ...string) *Secrets {
	s := &Secrets{texts: texts}
	for _, t := range texts {
		for i := 0; len(t)-i >= max(secretLeast, (len(t)+1)/2); i++ {
			s.words = append(s.words, t[i:])
		}
	}
	slices.SortFunc(s.words, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, w := range s.words {
		pairs = append(pairs, w, secretShown)
	}
	s.replacer = strings.NewReplacer(pairs...)
	return s
}

// And gives these secrets and more.
func (s *Secrets) And(texts ...string) *Secrets {
	if s == nil {
		return NewSecrets(texts...)
	}
	if !slices.ContainsFunc(texts, func(t string) bool { return !slices.Contains(s.texts, t) }) {
		return s
	}
	return NewSecrets(append(texts, s.texts...)...)
}

// Mask gives text with stars for the secrets in it. No secrets, nil, mask nothing.
func (s *Secrets) Mask(text string) string {
	if s == nil || len(s.words) == 0 {
		return text
	}
	return s.replacer.Replace(text)
}

// longest is the length of the longest secret.
func (s *Secrets) longest() int {
	if s == nil || len(s.words) == 0 {
		return 0
	}
	return len(s.words[0])
}
