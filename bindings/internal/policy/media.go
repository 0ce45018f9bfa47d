package policy

import (
	"maps"
	"slices"

	"github.com/flashlua/flashlua/engine"
)

// rejectFilesForTFTP records files that the policy's settings do not let U-Boot load.
func (s *section) rejectFilesForTFTP(p *engine.Policy) {
	files := &section{decoder: s.decoder, path: "files."}
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		switch f := p.Files[name]; {
		case f.NoAddress && p.Method == engine.ByLinux && !s.own["flash"]:
			files.fail(name, `must be { "file", address }: the default sequence loads it with U-Boot. Only a flash of the policy's own can use a file without an address, by s:serve(%q)`, name)
		case !f.NoAddress && p.Net.NoTFTP && !s.own["flash"]:
			files.fail(name, "has an address for U-Boot, which loads by TFTP, but net.tftp_server is false: remove one of them, or load it another way in a flash of the policy's own")
		}
	}
}
