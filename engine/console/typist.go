package console

import (
	"context"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// A serial line loses characters: a receiver overruns, a cable picks up noise. So a line is typed without its
// Enter, the board's echo is compared, and only then is Enter pressed. A line whose echo differs is cleared with
// Ctrl-C and typed again, in smaller and smaller chunks that wait for their echo, so that even the slowest
// receiver keeps up.
const (
	typeTries     = 12
	syncTypeTries = 3
	firstChunk    = 32                     // bytes typed at once after the first mismatch; halved after each further one
	clearTimeout  = 300 * time.Millisecond // for the prompt after Ctrl-C
	clearTries    = 3

	echoMismatchSilence = 150 * time.Millisecond // silence that ends an echo which can no longer become right
	echoPartialSilence  = 2 * time.Second        // silence that ends one which could
	echoTimeout         = 4 * time.Second        // ends either if the board is never silent
)

// promptTimeout bounds the wait for the prompt after a result. The result does not depend on it.
const promptTimeout = 300 * time.Millisecond

// typist types lines at a board, and holds what it has learned about the board's echo and prompt. It belongs to
// the goroutine that runs commands.
type typist struct {
	con    *Console
	typing Typing

	frames frames // of what was typed

	current     string // the command in progress; "" if there is none
	needsSync   bool   // the command before did not end normally: the rest of its output may still come
	syncedAtGap int    // the number of gaps of the port at the last synchronisation

	chunkSize int    // bytes that the board takes at once, 0 for a line
	noEcho    bool   // the board does not echo
	sawEcho   bool   // it echoed the last line
	prompt    string // a prompt that is not the dialect's; "" if there is none
	setupDone bool   // the dialect's setup succeeded
	atPrompt  bool   // the last match in the stream was a prompt
}

// forget drops what was learned about an interpreter: another one may be there.
func (t *typist) forget() {
	t.noEcho, t.prompt, t.atPrompt, t.setupDone = t.typing.NoEcho, "", true, false
}

// ComparesEcho reports whether the echo of a line is compared: the interpreter is not known to have none. It is called
// by the goroutine that runs commands.
func (c *Console) ComparesEcho() bool { return !c.typist.noEcho }

// wrapper returns the framing of a command.
func (t *typist) wrapper(d Dialect, cmd string) func(marker) string {
	wrap := d.wrap
	if t.setupDone && d.shortWrap != nil {
		wrap = d.shortWrap
	}
	return func(w marker) string { return wrap(w, cmd) }
}

// typeLine types the line that frame makes of a marker until its echo is right, and returns the marker. Enter is
// left to the caller. Each try uses a new marker, so late output of an earlier try is ignored. shown is what a failure
// shows of the line.
func (t *typist) typeLine(ctx context.Context, d Dialect, tries int, shown string, frame func(marker) string) (marker, error) {
	if err := t.con.checkIdle(); err != nil {
		return marker{}, err
	}
	junk := "\x00" // no prompt
	for try := 1; ; try++ {
		w := newMarker()
		w.byUnknown = d.byUnknown
		line := frame(w)
		t.frames.add(line, shown, w)
		e := &echo{text: line, prompt: d.Prompt, learned: t.prompt, afterPrompt: t.atPrompt}
		result, err := t.typeChecked(ctx, d, e, line)
		switch {
		case err != nil:
			return marker{}, err
		case result == echoMisplaced && junk == e.junk: // twice the same before it, with a Ctrl-C between: it is the prompt
			t.prompt = junk
		case result == echoMisplaced:
			junk = e.junk
		}
		if result == echoOK || result == echoNone {
			t.sawEcho = result == echoOK
			return w, nil
		}
		if try == tries {
			return marker{}, t.con.Fail(classify.WithHint(classify.New(classify.ConsoleEcho, "%s did not echo what was typed, %d times", d.Name, try),
				"set console.chunk and console.delay in the policy if the board is slow to read, check cable and baud rate, and set console.echo = false for a board that does not echo"))
		}
		if try > 1 || result == echoMismatch {
			t.halveChunk()
		}
		if err := t.clear(ctx, d); err != nil {
			return marker{}, err
		}
	}
}

// halveChunk halves the number of bytes that are typed at once.
func (t *typist) halveChunk() {
	if t.chunkSize == 0 {
		t.chunkSize = 2 * firstChunk
	}
	t.chunkSize = max(1, t.chunkSize/2)
}

// clear empties the board's line editor.
func (t *typist) clear(ctx context.Context, d Dialect) error {
	t.atPrompt = false
	for range clearTries {
		t.con.Skip()
		if err := t.con.Send(ctx, "\x03"); err != nil {
			return err
		}
		_, err := t.con.Expect(ctx, Wait{For: d.prompts(t.prompt), Timeout: clearTimeout})
		if err == nil {
			t.atPrompt = true
			return nil
		}
		if classify.Find(err, classify.ConsoleTimeout) == nil {
			return err
		}
	}
	return nil // the board is silent, or its prompt is an unknown one: the echo of the next line decides
}

// echoResult is how the board echoed what was typed.
type echoResult int

const (
	echoOK        echoResult = iota
	echoNone                 // nothing came, or the board does not echo
	echoMismatch             // something else came
	echoMisplaced            // it came after something that is no prompt
)

// typeChecked types line in chunks and compares the echo of each.
func (t *typist) typeChecked(ctx context.Context, d Dialect, e *echo, line string) (echoResult, error) {
	if t.noEcho {
		return echoNone, t.con.Send(ctx, line)
	}
	for rest := line; rest != ""; e.continued = true {
		n := len(rest)
		if t.chunkSize > 0 {
			n = min(n, t.chunkSize)
		}
		e.text, rest = rest[:n], rest[n:]
		before := t.con.stream.end()
		if err := t.con.Send(ctx, e.text); err != nil {
			return echoMismatch, err
		}
		result, err := t.awaitEcho(ctx, d, e)
		if result == echoMismatch && err == nil && !e.continued && t.con.stream.end() == before {
			result = echoNone
		}
		if err != nil || result != echoOK {
			return result, err
		}
	}
	return echoOK, nil
}

// awaitEcho waits for the echo of one chunk.
func (t *typist) awaitEcho(ctx context.Context, d Dialect, e *echo) (echoResult, error) {
	began := t.con.clk.Now()
	for {
		_, err := t.con.Expect(ctx, Wait{What: "an echo", For: []Pattern{{echo: e}}, silence: echoMismatchSilence, Timeout: echoTimeout, since: began, Abort: d.Abort})
		if err == nil {
			return echoOK, nil
		}
		late := t.con.stream.idle(t.con.clk.Now(), began) >= echoPartialSilence
		if classify.Find(err, classify.ConsoleTimeout) != nil {
			late = true
		} else if err != errSilence {
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

// typeHarmless types a line that does no harm, wherever it is read. afterPrompt means that nothing came since the
// prompt.
func (t *typist) typeHarmless(ctx context.Context, d Dialect, line string, afterPrompt bool) error {
	if strings.TrimSpace(line) != "" {
		t.frames.add(line, "", marker{})
	}
	result, err := t.typeChecked(ctx, d, &echo{prompt: d.Prompt, learned: t.prompt, afterPrompt: afterPrompt}, line)
	if err != nil {
		return err
	}
	end := "\n"
	if result == echoMismatch {
		t.halveChunk()
		end = "\x15" // Ctrl-U: unlike Ctrl-C it ends no command
	}
	return t.con.Send(ctx, end)
}

// awaitPrompt waits until the prompt is there. It paces the next command; no result depends on it.
func (t *typist) awaitPrompt(ctx context.Context, d Dialect) {
	t.atPrompt = false
	if prompts := d.prompts(t.prompt); prompts != nil {
		_, err := t.con.Expect(ctx, Wait{For: prompts, Timeout: promptTimeout})
		t.atPrompt = err == nil
	}
}
