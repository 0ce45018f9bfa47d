package console

import "bytes"

// echoes keeps where in the stream of a console secrets were echoed. The console's lock guards it.
type echoes struct {
	secrets typedSecrets
	from    int64      // offset of what was not looked at yet
	found   []longSpan // echoes, by their offsets
}

// longSpan is a place in the stream.
type longSpan struct{ from, to int64 }

// typed notes that a secret is typed when the stream has come to offset at.
func (e *echoes) typed(text string, at int64) {
	if !e.secrets.open() {
		e.from = at
	}
	e.secrets.typed(text)
}

// follow looks at the lines that are complete by now. buf is the stream from base on.
func (e *echoes) follow(buf []byte, base int64) {
	for e.secrets.open() {
		rest := e.rest(buf, base)
		n := bytes.IndexByte(rest, '\n') + 1
		if n == 0 && len(rest) < maxMatch {
			break
		}
		if n == 0 {
			n = len(rest)
		}
		for _, p := range e.secrets.next(rest[:n]) {
			e.found = append(e.found, longSpan{e.from + int64(p.from), e.from + int64(p.to)})
		}
		e.from += int64(n)
	}
	for len(e.found) > 0 && e.found[0].to <= base {
		e.found = e.found[1:]
	}
}

// rest returns what was not looked at yet.
func (e *echoes) rest(buf []byte, base int64) []byte {
	e.from = max(e.from, base)
	return buf[e.from-base:]
}

// spans returns the echoes in buf, the stream from base on, with the one that may just be coming.
func (e *echoes) spans(buf []byte, base int64) (all []span) {
	for _, p := range e.found {
		all = append(all, span{int(max(p.from, base) - base), int(max(p.to, base) - base)})
	}
	if e.secrets.open() {
		rest, ahead := e.rest(buf, base), e.secrets
		for _, p := range ahead.next(rest) {
			all = append(all, span{len(buf) - len(rest) + p.from, len(buf) - len(rest) + p.to})
		}
	}
	return all
}

// within returns what lies behind from of spans, counted from there.
func within(spans []span, from int) (all []span) {
	for _, p := range spans {
		if p.to > from {
			all = append(all, span{max(p.from, from) - from, p.to - from})
		}
	}
	return all
}
