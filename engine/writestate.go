package engine

import (
	"slices"

	"github.com/flashlua/flashlua/engine/shell"
)

// writeState is what a session wrote, or compared, through the Linux that runs. The zero value has nothing.
type writeState struct {
	all     []*writing // of several calls; the last one of each medium
	refused error      // the first call that was refused before it had a medium: the attempt fails, also if it is caught
}

// replace adds the writings of a call. They replace those of the same media.
func (w *writeState) replace(ws []*writing) {
	for _, x := range ws {
		w.all = slices.DeleteFunc(w.all, func(y *writing) bool { return y.medium == x.medium })
	}
	w.all = append(w.all, ws...)
}

// of returns the writing of a medium, nil if there is none.
func (w *writeState) of(m *medium) *writing {
	for _, x := range w.all {
		if x.medium == m {
			return x
		}
	}
	return nil
}

// rejoin has what was written read back through another shell of the same Linux.
func (w *writeState) rejoin(sh *shell.Shell) {
	for _, x := range w.all {
		x.dut.Rejoin(sh)
	}
}

// dropShell must be called when the Linux through which the session wrote has ended.
func (s *Session) dropShell() {
	s.write.all = nil
	s.run.ledger.forgetPlaces()
}
