package console

import (
	"bytes"
	"regexp"
	"time"
)

// followedPrompt is a prompt that other text followed in its line.
type followedPrompt struct {
	index int    // into Wait.For; meaningless if text is empty
	text  string // what matched, as it came
	at    int64  // its offset in the stream
}

// maxBeforePrompt is the longest text before a prompt in its line, in bytes. More is a message.
const maxBeforePrompt = 64

// kernelTime matches the time that a kernel prints at the beginning of a line.
var kernelTime = regexp.MustCompile(`^\[ *\d+\.\d+\]`)

// scanFollowed searches the lines of buf that have new bytes, and begins at offset base.
func (x *waiter) scanFollowed(buf []byte, fresh int, base int64) {
	if x.Wait.Followed == 0 || x.match != nil {
		return
	}
	from := bytes.LastIndexByte(buf[:fresh], '\n') + 1
	text, indexes := shown(buf[from:])
	for begin := 0; begin < len(text); {
		end := begin + bytes.IndexByte(text[begin:], '\n') + 1
		if end == begin {
			end = len(text)
		}
		if i, at := x.followedIn(text[begin:end]); i >= 0 {
			lo, hi := begin+at, begin+at+len(x.For[i].text)
			if indexes != nil {
				lo, hi = rawRange(lo, hi, indexes)
			}
			x.followed = followedPrompt{i, string(buf[from+lo : from+hi]), base + int64(from+lo)}
			notify(x.followedFound)
		}
		begin = end
	}
}

// followedIn returns the last prompt of For that other text follows in line, and its index there; -1 if there is
// none.
func (x *waiter) followedIn(line []byte) (index, at int) {
	index = -1
	if kernelTime.Match(line) {
		return index, 0
	}
	for i, p := range x.For {
		if !p.endsStream || p.text == "" {
			continue
		}
		n := bytes.Index(line, []byte(p.text))
		if n >= 0 && n <= maxBeforePrompt && len(bytes.TrimSpace(line[n+len(p.text):])) > 0 {
			index, at = i, n
		}
	}
	return index, at
}

// confirmFollowed makes a match of the prompt that other text followed, which was found at found.
func (s *stream) confirmFollowed(x *waiter, found time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.match != nil {
		return
	}
	f := x.followed
	if f.at < s.base { // it came so long ago that it is no longer kept
		f.at, f.text = s.base, ""
	}
	x.match, x.matchAt = &Match{Index: f.index, Text: f.text, Followed: found}, f.at
	close(x.matched)
}
