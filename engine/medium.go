package engine

import (
	"time"

	"github.com/flashlua/flashlua/engine/internal/flash"
)

// State is what is known of a medium. Its values are constants: safe for concurrent use.
type State string

// The states of a medium.
const (
	Untouched State = "untouched"
	Partial   State = "partial"
	Written   State = "written"
	Verified  State = "verified"
	Unknown   State = "unknown" // something else than a run may have changed it
)

// medium is where an image goes, and what became of it.
type medium struct {
	*stagedImage
	label string // of the partition, "" if it is the whole target

	// The ledger's mu guards what follows.
	target      flash.Target // the zero target until the policy has chosen one
	asked       bool         // the attempt was to write it
	device      string       // of the target; "" until it is found
	extents     []flash.Extent
	state       State
	changed     bool   // a write is under way, and something was written
	writer      string // what wrote it last: shell, uboot, station
	rewritten   int    // ranges that read back wrong and were written again
	lastWrite   int64
	lastWriteAt time.Time // of the last write to the same disk
	receipt     flash.Receipt
	read        int64     // number of the read-back that the receipt is of; more than lastWrite
	readAt      time.Time // when the last read-back began
}

// provesLocked reports whether a receipt is of this medium and its image. The caller holds the ledger's mu.
func (m *medium) provesLocked(r flash.Receipt) bool {
	im := m.image()
	return r.Valid() && im != nil && r.SHA256 == im.SHA256() && r.Target == m.target && r.Device == m.device
}

// provenLocked reports whether the medium is known to hold its image. The caller holds the ledger's mu.
func (m *medium) provenLocked() bool {
	return m.state == Verified && m.provesLocked(m.receipt) && m.read > m.lastWrite
}

// demandedLocked reports whether a run may succeed only if the medium is proven: this attempt was to write it, also if
// the script caught the error of that, or it was changed in any attempt. The caller holds the ledger's mu.
func (m *medium) demandedLocked() bool { return m.asked || m.state != Untouched }

// readBackLocked reports whether the medium was read back and no writer of the run has changed it since: what a command
// did to it may be harmless. The caller holds the ledger's mu.
func (m *medium) readBackLocked() bool { return !m.readAt.IsZero() && !m.changed }

// reportLocked returns the report on the medium. The caller holds the ledger's mu.
func (m *medium) reportLocked() PartReport {
	p := PartReport{Label: m.label, Image: ImageReport{Path: m.from.String()}, Target: TargetReport{
		Name: m.target.Name, Device: m.device, Offset: m.target.Offset, State: m.state, Writer: m.writer, Rewritten: m.rewritten, LastWrite: timeOf(m.lastWriteAt),
	}}
	if im := m.image(); im != nil {
		p.Image.Size, p.Image.SHA256 = im.Size(), im.SHA256()
	}
	if m.provenLocked() {
		p.Target.ReadBack, p.Target.Digest = timeOf(m.readAt), m.receipt.Digest
	}
	return p
}

// timeOf formats a time for a report, "" for the zero time.
func timeOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

// sameDisk reports whether two media are on one disk, or may be: a write to one of them may change the other.
func sameDisk(a, b *medium) bool {
	for _, x := range a.extents {
		for _, y := range b.extents {
			if x.Disk == y.Disk {
				return true
			}
		}
	}
	return len(a.extents) == 0 || len(b.extents) == 0
}
