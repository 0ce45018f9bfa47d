package engine

import (
	"slices"

	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/shell"
)

// writeState is what a session wrote, or compared, at the prompt that is there. The zero value has nothing.
type writeState struct {
	all     []*writing    // of several calls; the last one of each medium
	flasher flash.Flasher // nil: nothing was written
	prompt  Prompt        // of the flasher
	load    LoadOptions   // of the last call
	refused []refusedWrite
}

// refusedWrite is a call that was refused before it had a medium.
type refusedWrite struct {
	options WriteOptions
	err     error
}

// note records whether a call was refused. One that succeeds takes back an earlier refusal of the same options.
func (w *writeState) note(o WriteOptions, err error) {
	w.refused = slices.DeleteFunc(w.refused, func(r refusedWrite) bool { return r.options == o })
	if err != nil {
		w.refused = append(w.refused, refusedWrite{o, err})
	}
}

// refusal returns the error of a call that was refused, also if the script caught it: the attempt fails then.
func (w *writeState) refusal() error {
	if len(w.refused) == 0 {
		return nil
	}
	return w.refused[0].err
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
	if d, ok := w.flasher.(*flash.ShellFlasher); ok {
		d.Rejoin(sh)
		w.prompt = sh
	}
}

// dropPrompt must be called when the prompt at which the session wrote has ended.
func (s *Session) dropPrompt() {
	s.write.all, s.write.flasher, s.write.prompt = nil, nil, nil
	s.run.ledger.forgetPlaces()
}
