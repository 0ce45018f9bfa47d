package engine

import (
	"slices"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/flash"
)

// lackingLocked names what lacks proof. It returns "" if the ledger is proven: every demanded medium is known to hold
// its image, and every wanted image is on one of them. The caller holds mu.
func (l *ledger) lackingLocked() string {
	n := 0
	for _, m := range l.media {
		switch {
		case m.provenLocked():
			n++
		case m.demandedLocked():
			return m.target.String() + " holds the image"
		}
	}
	if name := l.brokenLocked(); name != "" {
		return "target " + name + ", which a step destroys, holds an image"
	}
	for _, im := range l.wanted {
		on := func(m *medium) bool { return m.stagedImage == im }
		if slices.ContainsFunc(l.media, func(m *medium) bool { return on(m) && m.provenLocked() }) {
			continue
		}
		if i := slices.IndexFunc(l.media, on); n == 0 && i >= 0 && l.media[i].target != (flash.Target{}) {
			return l.media[i].target.String() + " holds the image"
		}
		return "the image " + im.from.String() + " is on a medium"
	}
	if n == 0 {
		return "a medium holds an image"
	}
	return ""
}

// proofError returns nil if the ledger is proven, else the error of a flash that ended well and proved nothing.
func (l *ledger) proofError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	what := l.lackingLocked()
	if what == "" {
		return nil
	}
	err := classify.New(classify.FlashUnverified, "the flash ended without proof that %s", what)
	if slices.ContainsFunc(l.media, func(m *medium) bool { return m.state == Written && !m.readAt.IsZero() && !m.provenLocked() }) {
		return classify.WithHint(err, "commands ran after the medium was verified, and the Linux that wrote it has ended: run them before that, or boot Linux once more after them, and the medium is read again")
	}
	return classify.WithHint(err,
		"call write(job), which verifies, or verify(job) after what something else wrote; what the script returned does not count")
}
