package policy

import (
	"regexp"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/engine"
)

var connectionName = regexp.MustCompile(`^[A-Za-z_]\w*$`)

// connections calls read with the section of each output or console that a policy declares by name. flag is the
// operator's flag that connects it.
func (s *section) connections(flag string, read func(name string, s *section)) {
	for _, name := range s.names() {
		t, ok := s.t.RawGetString(name).(*lua.LTable)
		_, set := s.set[s.path+name]
		switch {
		case set:
			s.used[s.path+name] = true
			s.fail(name, "is connected with %s %s=…, not with --set", flag, name)
		case !connectionName.MatchString(name):
			s.fail(name, "is not a name: letters, digits and _")
		case !ok:
			s.fail(name, "must be a table, {} at least")
		default:
			read(name, &section{decoder: s.decoder, path: s.path + name + ".", t: t})
		}
	}
}

// readConsoles reads the consoles of the board besides the first one. Their keys are those of console.
func readConsoles(s *section) map[string]engine.Console {
	first := s.console
	defer func() { s.console = first }()
	all := map[string]engine.Console{}
	s.connections("--console", func(name string, s *section) { all[name] = readConsole(s) })
	return all
}

// readOutputs reads what the station switches next to the board.
func readOutputs(s *section) map[string]engine.Output {
	all := map[string]engine.Output{}
	s.connections("--output", func(name string, s *section) {
		all[name] = engine.Output{
			Name: name, Optional: s.boolean("optional", false), After: s.stateAfter("after", engine.OutputAfterStates), Help: s.str("help", ""),
		}
		s.rejectUnused()
	})
	return all
}
