package policy

import (
	"maps"
	"slices"

	"github.com/flashlua/flashlua/engine"
)

// rejectFilesWithoutAddress records files that the default sequence cannot load.
func (s *section) rejectFilesWithoutAddress(p *engine.Policy) {
	files := &section{decoder: s.decoder, path: "files."}
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		if p.Files[name].NoAddress && p.Method == engine.ByLinux && !s.own["flash"] {
			files.fail(name, `must be { "file", address }: the default sequence loads it with U-Boot. Only a flash of the policy's own can use a file without an address, by s:serve(%q)`, name)
		}
	}
}
