package engine

import "github.com/flashlua/flashlua/engine/shell"

// writeState is the last write of a session, and whether the script ran commands since. The zero value has none.
type writeState struct {
	last     *writes // nil: there is none, or its shell has ended
	commands bool    // the script ran commands after the media were verified
}

// dropShell must be called when the shell that wrote has ended: what it wrote cannot be read back any more.
func (w *writeState) dropShell() { w.last = nil }

// rejoin has what was written read back through another shell of the same Linux.
func (w *writeState) rejoin(sh *shell.Shell) {
	if w.last != nil {
		w.last.dut.Rejoin(sh)
	}
}
