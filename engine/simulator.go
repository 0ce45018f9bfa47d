package engine

import (
	"os"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/transport"
)

// Simulator replaces the hardware of e by a simulated board that fits p. For a dry run it only checks the
// settings. The engine calls done after the run; done is not nil if err is nil. Concurrent runs call a Simulator
// concurrently: it must be safe for that.
type Simulator func(e *Engine, p *Policy, settings string, dryRun bool) (done func(), err error)

var simulator Simulator

// RegisterSimulator sets the Simulator for the port "sim:SETTINGS". It must be called from init. Package simulate
// calls it when it is imported.
func RegisterSimulator(s Simulator) { simulator = s }

// IsSimulated reports whether a console port is a simulated board: sim:SETTINGS, or sim.
func IsSimulated(port string) bool {
	_, ok := transport.Simulated(port)
	return ok
}

// simulate replaces the hardware of e if the job's port asks for a simulated board. The caller calls done after
// the run.
func (e *Engine) simulate(p *Policy, j Job) (done func(), err error) {
	none := func() {}
	settings, ok := transport.Simulated(j.Port)
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

// CheckWrite returns an error unless the running program may write a file or directory of the station. Outside of a
// program every file is allowed. It is for a Simulator.
func (e *Engine) CheckWrite(path string) error { return e.grants.canWrite(path) }

// PermitWrite is CheckWrite for an open file.
func (e *Engine) PermitWrite(f *os.File) error { return e.grants.permitWrite(f) }
