package console

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// Lines lose characters: a receiver overruns, a cable picks up noise. So a line is typed without its Enter, the board's
// echo is compared, and only then is Enter pressed. A line whose echo differs is cleared with Ctrl-C and typed again, in
// smaller and smaller pieces that wait for their echo, which no receiver can be too slow for.
const (
	typeTries  = 12
	syncTypes  = 3
	firstPiece = 32                     // bytes typed at once after the first mismatch; halved with each further one
	editorTime = 300 * time.Millisecond // for the prompt that answers Ctrl-C
	clearTries = 3

	echoWrong = 150 * time.Millisecond // silence that ends an echo which can no longer become right
	echoLate  = 2 * time.Second        // silence that ends one which could
	echoLimit = 4 * time.Second        // what ends either if others are never silent
)

// typeLine types the line that frame makes of the halves of a random word until its echo is right, and gives the word. Enter
// is left to the caller. Each try has a word of its own: what an earlier one may still bring about is nobody's answer.
func (c *Console) typeLine(ctx context.Context, d Dialect, tries int, frame func(a, b string) string) (marker, error) {
	if err := c.checkIdle(); err != nil {
		return marker{}, err
	}
	junk := "\x00" // no prompt
	for try := 1; ; try++ {
		a, b := newMarker()
		line := frame(a, b)
		e := &echo{text: line, prompt: d.Prompt, known: c.prompt, fresh: c.atPrompt}
		how, err := c.typeChecked(ctx, d, e, line)
		switch {
		case err != nil:
			return marker{}, err
		case how == echoMisplaced && junk == e.junk: // twice the same before it, with a Ctrl-C between: it is the prompt
			c.prompt = junk
		case how == echoMisplaced:
			junk = e.junk
		}
		if how == echoOK || how == echoNone {
			c.sawEcho = how == echoOK
			return marker{a, b}, nil
		}
		if try == tries {
			return marker{}, c.Fail(classify.WithHint(classify.New(classify.ConsoleEcho, "%s did not echo what was typed, %d times", d.Name, try),
				"set console.chunk and console.delay in the policy if the board is slow to read, check cable and baud rate, and set console.echo = false for a board that does not echo"))
		}
		if try > 1 || how == echoMismatch {
			c.halveChunk()
		}
		if err := c.clear(ctx, d); err != nil {
			return marker{}, err
		}
	}
}

// checkIdle refuses to type while somebody waits: a function that is told the lines of a command cannot run another one.
func (c *Console) checkIdle() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wait == nil {
		return nil
	}
	return classify.New(classify.ConsoleBusy, "the console is busy, waiting for %s", c.wait.name())
}

// halveChunk makes the pieces that are typed at once smaller.
func (c *Console) halveChunk() {
	if c.chunkSize == 0 {
		c.chunkSize = 2 * firstPiece
	}
	c.chunkSize = max(1, c.chunkSize/2)
}

// clear empties the board's line editor.
func (c *Console) clear(ctx context.Context, d Dialect) error {
	c.atPrompt = false
	for range clearTries {
		c.Skip()
		if err := c.Send(ctx, "\x03"); err != nil {
			return err
		}
		_, err := c.Expect(ctx, Wait{For: d.prompts(c.prompt), Timeout: editorTime})
		if err == nil {
			c.atPrompt = true
			return nil
		}
		if classify.Find(err, classify.ConsoleTimeout) == nil {
			return err
		}
	}
	return nil // nobody answers, or the prompt is another one: the echo will tell
}

// How the board echoResult to what was typed.
type echoResult int

const (
	echoOK        echoResult = iota
	echoNone                 // nothing came, or nothing is expected
	echoMismatch             // something else came
	echoMisplaced            // it came, behind something that is no prompt
)

// seen is how many bytes have come.
func (c *Console) seen() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.received
}

// typeChecked types line, piece by piece.
func (c *Console) typeChecked(ctx context.Context, d Dialect, e *echo, line string) (echoResult, error) {
	if c.noEcho {
		return echoNone, c.Send(ctx, line)
	}
	for rest := line; rest != ""; e.further = true {
		n := len(rest)
		if c.chunkSize > 0 {
			n = min(n, c.chunkSize)
		}
		e.text, rest = rest[:n], rest[n:]
		before := c.seen()
		if err := c.Send(ctx, e.text); err != nil {
			return echoMismatch, err
		}
		how, err := c.waitEcho(ctx, d, e)
		if how == echoMismatch && err == nil && !e.further && c.seen() == before {
			how = echoNone
		}
		if err != nil || how != echoOK {
			return how, err
		}
	}
	return echoOK, nil
}

// waitEcho waits for the echo of one piece.
func (c *Console) waitEcho(ctx context.Context, d Dialect, e *echo) (echoResult, error) {
	began := c.clk.Now()
	for {
		_, err := c.Expect(ctx, Wait{What: "an echo", For: []Pattern{{echo: e}}, quiet: echoWrong, Timeout: echoLimit, since: began, Abort: d.Abort})
		if err == nil {
			return echoOK, nil
		}
		late := c.idle(began) >= echoLate
		if classify.Find(err, classify.ConsoleTimeout) != nil {
			late = true
		} else if err != errQuiet {
			return echoMismatch, err
		}
		switch {
		case e.misplaced:
			return echoMisplaced, nil
		case late || !e.pending:
			return echoMismatch, nil
		}
	}
}

// echo looks for what a board prints while text is typed into its line editor: the text, with line ends wherever the
// editor wraps, and whole lines of others in between.
type echo struct {
	text    string
	prompt  string // how the prompt before it ends
	known   string // a prompt that is not the policy's, learned earlier
	further bool   // the text goes on where an earlier piece ended
	fresh   bool   // the search begins behind a prompt

	pending   bool // what came may be the beginning
	misplaced bool // it is there, behind junk that is no prompt
	junk      string
}

// minForeignLine is how long a line of somebody else is at least: a character that came twice before the editor wraps is none.
const minForeignLine = 3

// token is one byte that is no part of an escape sequence, and its place.
type token struct {
	c  byte
	at int
}

// tokens leaves out what a terminal does not show. A line end of any form is one \n.
func tokens(buf []byte) []token {
	var all []token
	for i := 0; i < len(buf); i++ {
		switch c := buf[i]; c {
		case 0, '\a':
		case 0x1b:
			if m := escapes.FindIndex(buf[i:min(len(buf), i+64)]); m != nil && m[0] == 0 {
				i += m[1] - 1
				continue
			}
			if m := tailEscapes.FindIndex(buf[i:]); m[0] == 0 { // not complete yet
				return all
			}
		case '\r':
			k := i
			for k < len(buf) && buf[k] == '\r' {
				k++
			}
			if k == len(buf) || buf[k] == '\n' {
				continue
			}
			all = append(all, token{'\r', i})
		default:
			all = append(all, token{c, i})
		}
	}
	return all
}

// echoReach is how far back an echo is looked for.
const echoReach = 16 << 10

// find gives the place of the echo in buf, nil if it is not there (yet).
func (e *echo) find(buf []byte) []int {
	base := max(0, len(buf)-echoReach)
	s := search{echo: e, toks: tokens(buf[base:]), failed: map[[2]int]bool{}}
	e.pending, e.misplaced = len(s.toks) == 0, false
	row := 0 // where the present row begins
	for i := range s.toks {
		if s.toks[i].c == '\n' {
			row = i + 1
		}
		if e.further && i > 0 && s.toks[i-1].c != '\n' && s.toks[i-1].c != '\r' {
			continue // it goes on at once, but for wraps and lines of others
		}
		end, ok := s.from(i, 0)
		if !ok {
			continue
		}
		if junk := text(s.toks[row:i]); !e.further && !e.isPrompt(junk, row == 0) {
			e.misplaced, e.junk = true, junk
			continue
		}
		return []int{base + s.toks[i].at, base + s.toks[end-1].at + 1}
	}
	return nil
}

// isPrompt reports whether a line may be typed behind junk. At the start of what was heard, only a fresh line has nothing
// before it.
func (e *echo) isPrompt(junk string, start bool) bool {
	bare := strings.TrimRight(junk, " ")
	if bare == "" {
		return e.fresh || !start
	}
	return strings.HasSuffix(bare, strings.TrimRight(e.prompt, " ")) || e.known != "" && junk == e.known
}

func text(toks []token) string {
	b := make([]byte, len(toks))
	for i, t := range toks {
		b[i] = t.c
	}
	return string(b)
}

// search is one look at a stream.
type search struct {
	*echo
	toks   []token
	failed map[[2]int]bool
}

// from reports whether the rest of the text, from j, is found from token i on, and where it ends.
func (s *search) from(i, j int) (end int, ok bool) {
	first := i
	for ; i < len(s.toks) && j < len(s.text) && s.toks[i].c == s.text[j]; i, j = i+1, j+1 {
	}
	if j == len(s.text) {
		return i, true
	}
	// Here it ends to be the text, or a little earlier: the line of somebody else may begin with the same characters.
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

// skip goes on behind a wrap, or behind the line of somebody else.
func (s *search) skip(i, j int) (end int, ok bool) {
	if i == len(s.toks) {
		return 0, false
	}
	if s.toks[i].c == '\n' {
		return s.from(i+1, j)
	}
	if i+1 < len(s.toks) && s.toks[i].c == ' ' && s.toks[i+1].c == '\r' { // so readline goes to the next row
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

// prompts are what a line may be typed behind.
func (d Dialect) prompts(known string) []Pattern {
	var all []Pattern
	for _, p := range []string{d.Prompt, known} {
		if p != "" {
			all = append(all, Text(p))
		}
	}
	return all
}

// atPrompt reports whether buf ends with a prompt.
func (d Dialect) atPrompt(buf []byte, known string) bool {
	row := text(tokens(buf))
	row = row[strings.LastIndexByte(row, '\n')+1:]
	bare := strings.TrimRight(row, " ")
	return bare != "" && (row == known || d.Prompt != "" && strings.HasSuffix(bare, strings.TrimRight(d.Prompt, " ")))
}

func (e *echo) String() string { return fmt.Sprintf("the echo of %q", e.text) }
