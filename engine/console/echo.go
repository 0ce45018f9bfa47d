package console

import (
	"bytes"
	"fmt"
	"strings"
)

// echo looks for what a board prints while text is typed into its line editor: the text, with line ends wherever
// the editor wraps, and whole lines of other output between its characters.
type echo struct {
	text        string
	prompt      string // how the prompt before it ends
	learned     string // a prompt that is not the policy's; "" if there is none
	continued   bool   // the text continues an earlier chunk
	afterPrompt bool   // the search begins just after a prompt

	pending   bool // what came may be the beginning of the echo
	misplaced bool // the echo is there, after junk that is no prompt
	junk      string
}

// String returns the echo for an error text.
func (e *echo) String() string { return fmt.Sprintf("the echo of %q", e.text) }

// minForeignLine is the shortest line of other output. A shorter one is a character that came twice before the
// editor wrapped.
const minForeignLine = 3

// token is one byte that is no part of an escape sequence, and its index.
type token struct {
	c  byte
	at int
}

// tokens returns what a terminal shows of buf, and carriage returns that are no line end: a line editor that wraps
// prints them. A line end of any form is one \n.
func tokens(buf []byte) []token {
	text, indexes := show(buf, true)
	all := make([]token, 0, len(text))
	for i, c := range text {
		if c == '\r' && (isLineEnd(text[i:]) || len(bytes.TrimLeft(text[i:], "\r")) == 0) {
			continue
		}
		all = append(all, token{c, indexes[i]})
	}
	return all
}

// textOf returns the bytes of tokens.
func textOf(toks []token) string {
	b := make([]byte, len(toks))
	for i, t := range toks {
		b[i] = t.c
	}
	return string(b)
}

// maxEchoReach is how far back an echo is searched, in bytes.
const maxEchoReach = 16 << 10

// find returns the indexes of the echo in buf, nil if it is not there (yet).
func (e *echo) find(buf []byte) []int {
	base := max(0, len(buf)-maxEchoReach)
	s := echoSearch{echo: e, toks: tokens(buf[base:]), failed: map[[2]int]bool{}}
	e.pending, e.misplaced = len(s.toks) == 0, false
	row := 0 // where the present row begins
	for i := range s.toks {
		if s.toks[i].c == '\n' {
			row = i + 1
		}
		if e.continued && i > 0 && s.toks[i-1].c != '\n' && s.toks[i-1].c != '\r' {
			continue // it continues at once, except after wraps and foreign lines
		}
		end, ok := s.from(i, 0)
		if !ok {
			continue
		}
		if junk := textOf(s.toks[row:i]); !e.continued && !e.isPrompt(junk, row == 0) {
			e.misplaced, e.junk = true, junk
			continue
		}
		return []int{base + s.toks[i].at, base + s.toks[end-1].at + 1}
	}
	return nil
}

// isPrompt reports whether junk, the text before a line, is a prompt or empty. If junk begins the search (atStart),
// it may be empty only if the search begins just after a prompt.
func (e *echo) isPrompt(junk string, atStart bool) bool {
	bare := strings.TrimRight(junk, " ")
	if bare == "" {
		return e.afterPrompt || !atStart
	}
	return strings.HasSuffix(bare, strings.TrimRight(e.prompt, " ")) || e.learned != "" && junk == e.learned
}

// echoSearch is one search for an echo.
type echoSearch struct {
	*echo
	toks   []token
	failed map[[2]int]bool // pairs of indexes into toks and text from which skip failed
}

// from reports whether the rest of the text, from index j, is found at token i, and where it ends.
func (s *echoSearch) from(i, j int) (end int, ok bool) {
	first := i
	for ; i < len(s.toks) && j < len(s.text) && s.toks[i].c == s.text[j]; i, j = i+1, j+1 {
	}
	if j == len(s.text) {
		return i, true
	}
	// The text is interrupted here, or a little earlier: a foreign line may begin with the same characters.
	if i == len(s.toks) {
		s.pending = true
	}
	for ; i >= first; i, j = i-1, j-1 {
		if j == 0 {
			break // before the text there is nothing to skip
		}
		if s.failed[[2]int{i, j}] {
			continue
		}
		if end, ok := s.skip(i, j); ok {
			return end, true
		}
		s.failed[[2]int{i, j}] = true
	}
	return 0, false
}

// skip continues the search after a wrap, or after a foreign line.
func (s *echoSearch) skip(i, j int) (end int, ok bool) {
	if i == len(s.toks) {
		return 0, false
	}
	if s.toks[i].c == '\n' {
		return s.from(i+1, j)
	}
	if i+1 < len(s.toks) && s.toks[i].c == ' ' && s.toks[i+1].c == '\r' { // readline wraps a row like this
		return s.from(i+2, j)
	}
	for k := i; k < len(s.toks); k++ {
		if s.toks[k].c == '\n' {
			if k-i < minForeignLine {
				return 0, false
			}
			return s.from(k+1, j)
		}
	}
	return 0, false
}
