package modules

import (
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/transport"
)

// runsCommand says of each kind of port and power driver whether it runs a command of the station. A new kind needs
// an entry, and checkExec must know it if it does.
var runsCommand = map[string]bool{
	"exec": true, "command": true,
	"serial": false, "tcp": false, "telnet": false, "rfc2217": false, "unix": false,
	"http": false, "https": false, "qmp": false, "manual": false, "none": false,
}

// TestCheckExecKnowsEveryKind: without a grant, exactly the kinds that run a command are refused.
func TestCheckExecKnowsEveryKind(t *testing.T) {
	for _, example := range append(transport.Examples(), power.Examples()...) {
		spec := strings.Trim(example, `"'`)
		scheme, _, _ := strings.Cut(spec, ":")
		runs, known := runsCommand[scheme]
		if !known {
			t.Errorf("runsCommand[%q] has no entry; want whether it runs a command of the station", scheme)
		}
		err := grants(nil).checkExec(spec)
		if refused := classify.Find(err, classify.ScriptGrant) != nil; refused != runs {
			t.Errorf("checkExec(%q) = %v; want it refused: %t", spec, err, runs)
		}
	}
}
