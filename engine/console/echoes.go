package console

import "bytes"

// echoes are the places in the stream of a console where secrets were echoed. The stream's mu guards it.
type echoes struct {
	secrets typedSecrets
	from    int64        // offset from which the stream was not searched yet
	found   []streamSpan // the echoes
}

// streamSpan is a range of the stream, by its offsets.
type streamSpan struct{ from, to int64 }

// expect adds a secret that is typed when the stream has come to offset at.
func (e *echoes) expect(secret string, at int64) {
	if !e.secrets.open() {
		e.from = at
	}
	e.secrets.expect(secret)
}

// follow searches the complete lines of the stream. buf is the stream from base on.
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
			e.found = append(e.found, streamSpan{e.from + int64(p.from), e.from + int64(p.to)})
		}
		e.from += int64(n)
	}
	for len(e.found) > 0 && e.found[0].to <= base {
		e.found = e.found[1:]
	}
}

// rest returns what was not searched yet.
func (e *echoes) rest(buf []byte, base int64) []byte {
	e.from = max(e.from, base)
	return buf[e.from-base:]
}

// spans returns the echoes in buf, the stream from base on, an incomplete one at its end included.
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

// within returns the parts of spans after from, relative to from.
func within(spans []span, from int) (all []span) {
	for _, p := range spans {
		if p.to > from {
			all = append(all, span{max(p.from, from) - from, p.to - from})
		}
	}
	return all
}
