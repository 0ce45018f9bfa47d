package engine

import "github.com/flashlua/flashlua/engine/internal/flash"

// foundMedium is a medium whose target was found on the board.
type foundMedium struct {
	*medium
	at flash.Medium
}

type foundMedia []foundMedium

// fitMinSize returns an error if an image already is known to be too large for its target.
func (all foundMedia) fitMinSize() error {
	for _, m := range all {
		if err := m.at.Fits(m.minSize.Load(), false); err != nil {
			return err
		}
	}
	return nil
}
