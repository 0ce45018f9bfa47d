package engine

import (
	"slices"
	"strings"

	"github.com/flashlua/flashlua/engine/internal/flash"
)

// beginAttempt voids every receipt, and forgets which media the attempt before was to write: those that it did not
// touch are no longer demanded.
func (l *ledger) beginAttempt() {
	l.voidAll()
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := map[*stagedImage]bool{}
	l.media = slices.DeleteFunc(l.media, func(m *medium) bool {
		m.asked = false
		planned := slices.Contains(l.wanted, m.stagedImage) && !kept[m.stagedImage]
		kept[m.stagedImage] = true
		return m.state == Untouched && !planned
	})
}

// place returns the medium of an image on a target. A medium of the plan that is not touched moves to the target;
// otherwise the medium is a new one. asked says that the attempt writes it, or compares it, from now on.
func (l *ledger) place(im *stagedImage, label string, t flash.Target, asked bool) *medium {
	l.mu.Lock()
	defer l.mu.Unlock()
	var to *medium
	for _, m := range l.media {
		if m.stagedImage != im {
			continue
		}
		if m.target == t {
			to = m
			break
		}
		if to == nil && !m.asked && (m.state == Untouched || m.target == (flash.Target{})) {
			to = m
		}
	}
	if to == nil {
		to = &medium{stagedImage: im, label: label, state: Untouched}
		l.media = append(l.media, to)
	}
	if to.target != t {
		to.target, to.device, to.extents = t, "", nil
	}
	to.asked = to.asked || asked
	return to
}

// owed returns the demanded media that are not proven, but can be once they are read back.
func (l *ledger) owed() (all []*medium) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.media {
		if m.image() != nil && m.demandedLocked() && !m.provenLocked() && (l.readOnly || m.state == Written || m.readBackLocked()) {
			all = append(all, m)
		}
	}
	return all
}

// onFlashChip reports whether a medium is, or may be, on a raw flash chip: a target /dev/mtdblock0, for example.
func (l *ledger) onFlashChip() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.media, func(m *medium) bool {
		return m.demandedLocked() && (m.device == "" || strings.HasPrefix(m.device, "/dev/mtd") || strings.HasPrefix(m.device, "/dev/ubi"))
	})
}

// forgetPlaces must be called when the Linux that named the disks has ended: the next one may name them otherwise.
func (l *ledger) forgetPlaces() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.media {
		m.extents = nil
	}
}
