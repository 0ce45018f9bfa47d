package engine

import (
	"slices"
	"sync"

	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/internal/flash"
)

// ledger records the location, the state and the receipt of each medium of a run. A write to a disk voids the
// receipts of all media on that disk. A run succeeds only if the ledger is proven. Safe for concurrent use.
//
// The state of a medium changes from untouched to partial before its first byte changes, to written after its last
// byte was written, and to verified with a receipt. When a receipt is voided, verified becomes written, or
// untouched if the run only compares.
type ledger struct {
	clock    clock.Clock
	readOnly bool // the run only compares

	mu        sync.Mutex // guards what follows, and the fields of each medium that say so
	media     []*medium
	destroyed []string       // names of targets without a medium that commands may have changed
	wanted    []*stagedImage // the images of the plan
	idle      State          // reported if the run has no image
	reads     int64          // number of read-backs begun
	warnings  []string       // what the report warns of
}

// warn records a warning. It returns false if the warning is known.
func (l *ledger) warn(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Contains(l.warnings, text) {
		return false
	}
	l.warnings = append(l.warnings, text)
	return true
}

// allWarnings returns the warnings so far.
func (l *ledger) allWarnings() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.warnings)
}

// add adds a medium of the plan, and wants its image.
func (l *ledger) add(m *medium) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m.state = Untouched
	l.media, l.wanted = append(l.media, m), append(l.wanted, m.stagedImage)
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

// writing records what writes a medium.
func (l *ledger) writing(m *medium, by string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m.writer = by
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

// reading must be called before a medium is read back. It returns the number of the read-back, for prove.
func (l *ledger) reading(m *medium) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	m.readAt = l.clock.Now()
	return l.reads
}

// prove records the receipt of a read-back, and reports whether it proves that the medium holds its image. It does
// not if the disk was written to after the read-back began.
func (l *ledger) prove(m *medium, receipt flash.Receipt, reading int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !m.provesLocked(receipt) || reading <= m.lastWrite {
		return false
	}
	m.state, m.receipt, m.read = Verified, receipt, reading
	return true
}

// void drops the receipt of a medium that read back wrong.
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

// destroying marks the media of a target Partial: commands may change them. Their disks are as after a write. A
// target without a medium counts as destroyed until one on it is proven.
func (l *ledger) destroying(target string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := false
	for _, m := range l.media {
		if m.target.Name == target {
			l.wroteLocked(m)
			m.state, known = Partial, true
		}
	}
	if !known && !slices.Contains(l.destroyed, target) {
		l.destroyed = append(l.destroyed, target)
	}
}

// brokenLocked returns the first target that was destroyed and holds no image, "" if there is none. The caller
// holds mu.
func (l *ledger) brokenLocked() string {
	for _, name := range l.destroyed {
		if !slices.ContainsFunc(l.media, func(m *medium) bool { return m.target.Name == name && m.provenLocked() }) {
			return name
		}
	}
	return ""
}

// mark sets the state of all media, and voids every receipt. It is for changes that no writer of the run made.
func (l *ledger) mark(state State) {
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
	return m.provenLocked()
}

// each calls f for every medium. It holds mu meanwhile.
func (l *ledger) each(f func(m *medium)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.media {
		f(m)
	}
}

// state returns the combined state of all media: unknown if one is unknown, partial if only some were written.
func (l *ledger) state() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.media) == 0 {
		return l.idle
	}
	if l.brokenLocked() != "" {
		return Partial
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
