package modules

import (
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// grants are the commands of the station that a program may run.
type grants []string

// checkExec returns an error for a port or a power driver that runs a command of the station which the
// operator did not allow. A command is allowed by the name of its executable; one in which a shell would see
// more than one executable must be allowed to the letter.
func (g grants) checkExec(spec string) error {
	scheme, command, _ := strings.Cut(spec, ":")
	if scheme != "exec" && scheme != "command" {
		return nil
	}
	name, _, _ := strings.Cut(strings.TrimSpace(command), " ")
	if slices.Contains(g, command) || slices.Contains(g, name) && !strings.ContainsAny(command, ";|&$<>`()\n") {
		return nil
	}
	return classify.WithHint(classify.New(classify.ScriptGrant, "the script may not run %q on the station", name), "allow it with --allow-exec %s, or to the letter with --allow-exec '%s'", name, command)
}
