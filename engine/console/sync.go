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
	w, err := t.typeLine(ctx, d, syncTypeTries, marker.probe)
	if err != nil {
		return err
	}
	if err := t.con.Send(ctx, "\n"); err != nil {
		return err
	}
	_, err = t.con.Expect(ctx, Wait{What: d.Name + " to answer", For: []Pattern{w.answered()}, Abort: slices.Concat(d.Abort, d.refusals), Timeout: timeout})
	return err
}

// setUp prepares an interpreter that answers: its line editor and its function for short commands. Commands run
// without the function too.
func (t *typist) setUp(ctx context.Context, d Dialect, timeout time.Duration) error {
	t.awaitPrompt(ctx, d)
	if d.disableEditing != "" {
		if err := t.typeHarmless(ctx, d, d.disableEditing, t.atPrompt); err != nil {
			return err
		}
		t.awaitPrompt(ctx, d)
	}
	if d.setup != "" && d.check(d.setup) == nil {
		res, err := t.run(ctx, d, Command{Text: d.setup, Timeout: timeout})
		t.setupDone = err == nil && res.Code == 0
	}
	return nil
}
