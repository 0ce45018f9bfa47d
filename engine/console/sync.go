package console

import (
	"context"
	"slices"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// Sync makes sure that d answers: it types an echo until its output is seen, and Ctrl-C before every try but the
// first. What came before the answer is dropped.
func (c *Console) Sync(ctx context.Context, d Dialect, tries int, timeout time.Duration) error {
	t := &c.typist
	t.forget()
	gaps := c.Gaps()
	var err error
	for try := range tries {
		if try > 0 || t.needsSync || gaps > t.syncedAtGap {
			if err = t.clear(ctx, d); err != nil {
				return err
			}
		}
		if err = t.probe(ctx, d, timeout); err == nil {
			t.needsSync, t.syncedAtGap = false, gaps
			return t.setUp(ctx, d, timeout)
		}
		if classify.Find(err, classify.ConsoleTimeout) == nil && classify.Find(err, classify.ConsoleEcho) == nil {
			return err
		}
	}
	return err
}

// probe types an echo and waits for its output.
func (t *typist) probe(ctx context.Context, d Dialect, timeout time.Duration) error {
	w, err := t.typeLine(ctx, d, syncTypeTries, "", marker.probe)
	if err != nil {
		return err
	}
	if err := t.con.Send(ctx, "\n"); err != nil {
		return err
	}
	_, err = t.con.Expect(ctx, Wait{What: d.Name + " to answer", For: []Pattern{w.answered()}, Abort: slices.Concat(d.Abort, d.refusals), Timeout: timeout})
	return err
}

// setUp prepares an interpreter that answers: its variables or line editor, and its function for short commands.
// Commands run without that function too.
func (t *typist) setUp(ctx context.Context, d Dialect, timeout time.Duration) error {
	t.awaitPrompt(ctx, d)
	if err := t.typePreparation(ctx, d, d.prepare); err != nil {
		return err
	}
	if d.setup == nil {
		return nil
	}
	fits, chunk := len(d.setup(newMarker())) < d.Line, t.chunkSize
	if fits && t.define(ctx, d, timeout, setupTries) {
		return nil
	}
	for _, line := range d.repairs {
		if t.needsSync { // the setup may stand in the editor
			if err := t.clear(ctx, d); err != nil {
				return err
			}
			t.chunkSize = chunk // the editor spoiled the echo, not the serial line
		}
		if err := t.typePreparation(ctx, d, line); err != nil {
			return err
		}
		if fits && t.define(ctx, d, timeout, typeTries) {
			return nil
		}
	}
	if !t.needsSync {
		return nil
	}
	if err := t.clear(ctx, d); err != nil {
		return err
	}
	err := t.probe(ctx, d, timeout) // the shell has no functions
	if err == nil {
		t.needsSync = false
		t.awaitPrompt(ctx, d)
	}
	return err
}

// setupTries is how often the setup is typed before the first repair.
const setupTries = 2

// typePreparation types a line that does no harm, and waits for the prompt. An empty line is not typed.
func (t *typist) typePreparation(ctx context.Context, d Dialect, line string) error {
	if line == "" {
		return nil
	}
	if err := t.typeHarmless(ctx, d, line, t.atPrompt); err != nil {
		return err
	}
	t.awaitPrompt(ctx, d)
	return nil
}

// define defines the dialect's function, and reports whether that succeeded.
func (t *typist) define(ctx context.Context, d Dialect, timeout time.Duration, tries int) bool {
	res, err := t.run(ctx, d, Command{What: "the setup of the shell", Timeout: timeout}, tries, d.setup)
	t.setupDone = err == nil && res.Code == 0
	return t.setupDone
}
