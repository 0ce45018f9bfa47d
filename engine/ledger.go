package engine

import (
	"sync"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// ledger records what became of the media of a run: where each of them lies, its state, and the receipt that proves it.
// A write to a disk voids the receipts of all media on that disk. A run succeeds if the ledger is proven, and in no other way.
//
// The state of a medium goes from untouched to partial when the first byte is about to change, to written when all were
// written, and to verified with a receipt. A receipt that is void makes written of verified, and untouched if the run only
// compares.
type ledger struct {
	clock    clock.Clock
	readOnly bool // the run only compares

	mu    sync.Mutex // guards what follows, and the fields of the media that say so
	media []*medium  // does not change once the run is planned
	idle  string     // state of the board's medium, if the run has no image
	reads int64      // how many read-backs began
}

// add adds a medium to write. It is called while the run is planned.
func (l *ledger) add(m *medium) {
	m.state = Untouched
	l.media = append(l.media, m)
}

// staged records the image of a medium.
func (l *ledger) staged(m *medium, im *image.Image) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m.image = im
}

// resolved records where a medium lies.
func (l *ledger) resolved(m *medium, device string, extents []flash.Extent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m.device, m.extents = device, extents
}

// changing must be called before bytes of a medium change. It returns the other media on the same disk.
func (l *ledger) changing(m *medium) (others []*medium) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m.state, m.changed = Partial, true
	return l.wroteLocked(m)
}

// complete records that all of the image was written, or was on the medium before.
func (l *ledger) complete(m *medium) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.changed { // the last byte of a write counts, too
		l.wroteLocked(m)
	}
	m.state, m.changed = Written, false
}

// rewrote records how many ranges of a medium read back wrong and were written again.
func (l *ledger) rewrote(m *medium, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m.rewritten = n
}

// wroteLocked voids the receipts of every medium on the disk of m, and returns the others. The caller holds mu.
func (l *ledger) wroteLocked(m *medium) (others []*medium) {
	for _, x := range l.media {
		if x != m && !sameDisk(x, m) {
			continue
		}
		x.lastWrite, x.lastWriteAt = l.reads, l.clock.Now()
		l.voidLocked(x)
		if x != m {
			others = append(others, x)
		}
	}
	return others
}

func (l *ledger) voidLocked(m *medium) {
	m.receipt = flash.Receipt{}
	if m.state == Verified {
		m.state = Written
		if l.readOnly {
			m.state = Untouched
		}
	}
}

// reading must be called before a medium is read back. Its number is for prove.
func (l *ledger) reading(m *medium) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	m.readAt = l.clock.Now()
	return l.reads
}

// prove records the receipt of a read-back, if it proves that the medium holds its image, and reports whether it does: it
// does not if the disk was written to after the reading began.
func (l *ledger) prove(m *medium, receipt flash.Receipt, reading int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !m.proves(receipt) || reading <= m.lastWrite {
		return false
	}
	m.state, m.receipt, m.read = Verified, receipt, reading
	return true
}

// void drops the receipt of one medium, which read back wrong.
func (l *ledger) void(m *medium) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.voidLocked(m)
}

// voidAll drops every receipt: the media may have changed since they were read.
func (l *ledger) voidAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.media {
		l.voidLocked(m)
	}
}

// mark sets the state of all media, which something else than their writers changed, and voids every receipt.
func (l *ledger) mark(state string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = state
	for _, m := range l.media {
		l.wroteLocked(m)
		m.state = state
	}
}

// holds reports whether a medium is known to hold its image.
func (l *ledger) holds(m *medium) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return m.proven()
}

// proven reports whether every medium is known to hold its image, and there is one.
func (l *ledger) proven() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.media {
		if !m.proven() {
			return false
		}
	}
	return len(l.media) > 0
}

// each calls f for every medium, with the lock held.
func (l *ledger) each(f func(m *medium)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.media {
		f(m)
	}
}

// state is the state that all media have; unknown if that of one is unknown; partial if some were written and others were
// not.
func (l *ledger) state() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.media) == 0 {
		return l.idle
	}
	state := l.media[0].state
	for _, m := range l.media[1:] {
		switch {
		case state == m.state:
		case state == Unknown || m.state == Unknown:
			state = Unknown
		case state == Written && m.state == Verified, state == Verified && m.state == Written:
			state = Written
		default:
			state = Partial
		}
	}
	return state
}

// timeOf is a time as a report has it, "" for none.
func timeOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}
