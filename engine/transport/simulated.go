package transport

import "strings"

// SimulatedScheme is the prefix of the port of a simulated board, which is no port that Open opens. The board's
// settings follow it.
const SimulatedScheme = "sim:"

// Simulated returns the settings of the simulated board that spec names, sim:SETTINGS or sim, and reports whether it
// names one.
func Simulated(spec string) (settings string, ok bool) {
	if spec+":" == SimulatedScheme {
		return "", true
	}
	return strings.CutPrefix(spec, SimulatedScheme)
}
