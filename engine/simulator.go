package engine

import (
	"os"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// simScheme begins the port of a simulated board; what follows are its settings.
const simScheme = "sim:"

// Simulator puts a simulated board that p describes in the place of the hardware of e, or checks the settings only for a
// dry run. The engine calls done after the run; done is not nil if err is nil. A Simulator is called concurrently by runs
// that are under way at the same time: it must be safe for concurrent use.
type Simulator func(e *Engine, p *Policy, settings string, dryRun bool) (done func(), err error)

var simulator Simulator

// RegisterSimulator sets what a run on the port "sim:SETTINGS" calls. Package simulate calls it when it is imported. It must
// be called from init.
func RegisterSimulator(s Simulator) { simulator = s }

// IsSimulated reports whether a console port is that of a simulated board: sim:SETTINGS, or sim.
func IsSimulated(port string) bool {
	_, ok := simSettings(port)
	return ok
}

func simSettings(port string) (settings string, ok bool) {
	if port+":" == simScheme {
		return "", true
	}
	return strings.CutPrefix(port, simScheme)
}

// simulate replaces the hardware of e if the job's port asks for a simulated board. The caller calls done after the run.
func (e *Engine) simulate(p *Policy, j Job) (done func(), err error) {
	none := func() {}
	settings, ok := simSettings(j.Port)
	if !ok || e.Simulated {
		return none, nil
	}
	if simulator == nil {
		return none, classify.WithHint(classify.New(classify.Config, "the port %s needs the simulated board, which is not part of this program", j.Port),
			"import github.com/flashlua/flashlua/engine/simulate")
	}
	if done, err = simulator(e, p, settings, j.DryRun); err != nil {
		return none, err
	}
	return done, nil
}

// CheckWrite returns an error unless the program that runs may write a file or folder of the station. Outside of a program
// every file is allowed. It is for a Simulator.
func (e *Engine) CheckWrite(path string) error { return e.grants.canWrite(path) }

// PermitWrite is CheckWrite for a file that is open.
func (e *Engine) PermitWrite(f *os.File) error { return e.grants.permitWrite(f) }
