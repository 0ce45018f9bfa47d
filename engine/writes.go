package engine

import (
	"context"
	"slices"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/flash"
)

// writing is a medium and its writer.
type writing struct {
	*medium
	flash.Writer
	at       flash.Medium // on the board; the zero medium is one of the station
	onWrite  func()       // is called before bytes change
	by       string       // what writes: shell, uboot, station
	repaired bool         // ranges that read back wrong were written again, which is done once
}

// writes are media that are written together: all of them are written before the first one is read back.
type writes struct {
	ledger  *ledger
	all     []*writing
	earlier []*writing // of the same Linux: not proven here
}

// changing must be called before bytes of a medium change. It makes the writers of the other media on its disk
// read all again.
func (ws *writes) changing(m *medium) {
	others := ws.ledger.changing(m)
	for _, w := range slices.Concat(ws.all, ws.earlier) {
		if slices.Contains(others, w.medium) {
			w.Distrust()
		}
	}
}

// write writes one of the media, and reads nothing back.
func (ws *writes) write(ctx context.Context, w *writing) error {
	ws.ledger.writing(w.medium, w.by)
	if err := w.Write(ctx); err != nil {
		return err
	}
	ws.ledger.complete(w.medium)
	return nil
}

// prove calls verify for every medium that is not known to hold its image, until all are. A repair of one medium
// is a write to its disk, so that the others on it are read again. prove ends because each medium is repaired
// once.
func (ws *writes) prove(ctx context.Context, verify func(context.Context, *writing) error) error {
	for again := true; again; {
		again = false
		for _, w := range ws.all {
			if ws.ledger.holds(w.medium) {
				continue
			}
			if err := verify(ctx, w); err != nil {
				return err
			}
			again = true
		}
	}
	return nil
}

// verify reads one medium back and records its receipt. With repair, it writes wrong ranges again, once, and reads
// again.
func (ws *writes) verify(ctx context.Context, w *writing, repair bool) error {
	err := ws.readBack(ctx, w)
	if classify.Find(err, classify.VerifyMismatch) != nil && repair && !w.repaired {
		w.repaired = true
		err = w.Repair(ctx)
		ws.ledger.rewrote(w.medium, w.Counts().Rewritten)
		if err == nil {
			ws.ledger.complete(w.medium)
			err = ws.readBack(ctx, w)
		}
	}
	if err != nil {
		ws.ledger.void(w.medium)
	}
	return err
}

func (ws *writes) readBack(ctx context.Context, w *writing) error {
	reading := ws.ledger.reading(w.medium)
	receipt, err := w.Verify(ctx)
	if err == nil && !ws.ledger.prove(w.medium, receipt, reading) {
		err = classify.New(classify.FlashUnverified, "the read-back of %s proves nothing: its disk was written to meanwhile, or it was another medium", w.target)
	}
	return err
}
