package console

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	expect "github.com/google/goexpect"
)

const (
	window   = 32 << 10 // bytes of the stream that are kept while nothing waits; a wait looks back at most this far
	maxMatch = 4 << 10  // the longest match that is guaranteed, in bytes
)

// stream is what the board has printed: the bytes that are kept, the offsets that count from the first byte ever,
// and those that look at each new byte. goexpect holds the same bytes from consumed on.
type stream struct {
	secrets *Secrets
	watches *watches
	exp     *expect.GExpect // set once, before the first byte comes

	transfer transferring

	mu         sync.Mutex // mu guards what follows, and the waiter and the capture in progress; it is taken before watches.mu
	buf        []byte     // the bytes from base to received
	base       int64      // offset of buf[0]
	received   int64      // bytes that came
	consumed   int64      // bytes that goexpect no longer holds
	pos        int64      // where the next wait begins to look
	lastByteAt time.Time  // when the last byte came, or the port came back
	waiter     *waiter    // the wait in progress; nil if there is none
	capture    *capture   // the command in progress; nil if there is none
	subscriber func([]byte)
	banner     int64  // offset of the last bootloader's banner
	echoes     echoes // of secrets
}

// add appends bytes that came and shows them to all that look at the stream.
func (s *stream) add(p []byte, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastByteAt = now
	s.received += int64(len(p))
	s.buf = append(s.buf, p...)
	s.findBannerLocked(len(p))
	s.echoes.follow(s.buf, s.base)
	if s.capture != nil {
		s.capture.add(p)
	}
	if s.subscriber != nil {
		s.subscriber(p)
	}
	if l := s.transfer.Load(); l != nil {
		l.add(p)
	}
	if s.waiter != nil && s.waiter.scan(s.buf, s.base) {
		return // take trims the stream after it has consumed the match
	}
	s.trimLocked()
}

// trimLocked drops the oldest bytes, here and in goexpect, once twice the window is kept. The caller holds mu.
func (s *stream) trimLocked() {
	if len(s.buf) <= 2*window {
		return
	}
	cut := len(s.buf) - window
	s.buf = append(s.buf[:0], s.buf[cut:]...)
	s.base += int64(cut)
	s.pos = max(s.pos, s.base)
	s.discardLocked(s.base)
}

// discardLocked drops what goexpect holds before offset to. The caller holds mu.
func (s *stream) discardLocked(to int64) {
	if to > s.consumed {
		n, _ := io.CopyN(io.Discard, s.exp, to-s.consumed)
		s.consumed += n
	}
}

// consumeLocked lets goexpect match text, which is known to lie at offset lo, and so consumes the stream up to its
// end. The caller holds mu.
func (s *stream) consumeLocked(lo int64, text string) {
	s.pos = lo + int64(len(text))
	if !utf8.ValidString(text) { // no regular expression matches such bytes
		s.discardLocked(s.pos)
		return
	}
	s.discardLocked(lo)
	found := &expect.Case{R: regexp.MustCompile(regexp.QuoteMeta(text)), T: expect.OK()}
	out, _, _, _ := s.exp.ExpectSwitchCase([]expect.Caser{found, never{}}, time.Hour)
	s.consumed += int64(len(out))
}

// skip drops what came so far.
func (s *stream) skip() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pos = s.received
	s.discardLocked(s.received)
}

// restartSilence counts silence from now: the port was lost until now.
func (s *stream) restartSilence(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastByteAt = now
}

// idle returns the time since the last byte, or since the given time if that is later.
func (s *stream) idle(now, since time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastByteAt.After(since) {
		since = s.lastByteAt
	}
	return now.Sub(since)
}

// end returns the number of bytes that came.
func (s *stream) end() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.received
}

// matched returns the offset up to which the stream was matched.
func (s *stream) matched() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pos
}

// lastBanner returns the offset of the last bootloader's banner, 0 if there was none.
func (s *stream) lastBanner() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.banner
}

// bannerPrefix is longer than what a bootloader's banner begins with, in bytes.
const bannerPrefix = 64

// findBannerLocked looks for a bootloader's banner in the n newest bytes. The caller holds mu.
func (s *stream) findBannerLocked(n int) {
	from := len(s.buf) - n
	if !bytes.Contains(s.buf[max(0, from-bannerPrefix):], []byte("U-Boot ")) || s.watches.disabled(Reset.Name) {
		return
	}
	for from < len(s.buf) {
		m := Reset.Pattern.find(s.buf, from)
		if m == nil {
			return
		}
		s.banner = max(s.banner, s.base+int64(m[1]))
		next := bytes.IndexByte(s.buf[m[1]:], '\n')
		if next < 0 {
			return
		}
		from = m[1] + next + 1
	}
}

// expectEcho searches the stream from now on for the echo of a secret.
func (s *stream) expectEcho(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.echoes.expect(secret, s.received)
}

// subscribe calls f with what no wait has consumed and with every byte that comes, until stop is called.
func (s *stream) subscribe(f func(p []byte)) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if unmatched := s.buf[s.pos-s.base:]; len(unmatched) > 0 {
		f(unmatched)
	}
	s.subscriber = f
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.subscriber = nil
	}
}

// cleanEnd returns the lines in the last 4 KiB that came, without escape sequences and with stars for secrets.
func (s *stream) cleanEnd() string {
	s.mu.Lock()
	from := max(0, len(s.buf)-maxMatch)
	before := max(0, from-s.secrets.longest()) // a secret may lie across from
	spans := s.secrets.spans(string(s.buf[before:]))
	for i := range spans {
		spans[i] = span{spans[i].from + before, spans[i].to + before}
	}
	spans = within(append(spans, s.echoes.spans(s.buf, s.base)...), from)
	raw, cut := string(s.buf[from:]), from > 0
	s.mu.Unlock()
	text := s.secrets.Mask(clean(starred(raw, spans)))
	if i := strings.IndexByte(text, '\n'); cut && i >= 0 {
		text = text[i+1:] // the end of a line
	}
	return text
}
