package modules

import (
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// grants are the commands of the station that a script may run.
type grants []string

// checkExec returns an error for a port or a power driver that runs a command of the station which the operator did
// not allow.
func (g grants) checkExec(spec string) error {
	scheme, command, _ := strings.Cut(spec, ":")
	if scheme != "exec" && scheme != "command" {
		return nil
	}
	return g.checkLine(command)
}

// checkLine returns an error for a command line that the operator did not allow. A command is allowed by the name of
// its executable; one in which a shell would see more than one executable must be allowed to the letter.
func (g grants) checkLine(command string) error {
	name, _, _ := strings.Cut(strings.TrimSpace(command), " ")
	if slices.Contains(g, command) || slices.Contains(g, name) && !strings.ContainsAny(command, shellSyntax) {
		return nil
	}
	return notAllowed(name, command)
}

// checkWords is checkLine for a command that no shell sees.
func (g grants) checkWords(words []string) error {
	command := strings.Join(words, " ")
	oneWay := !slices.ContainsFunc(words, func(w string) bool { return w == "" || strings.ContainsAny(w, shellSyntax+" \t'\"\\") })
	if slices.Contains(g, words[0]) || oneWay && slices.Contains(g, command) {
		return nil
	}
	return notAllowed(words[0], command)
}

// shellSyntax are the characters by which a shell sees another executable in a command.
const shellSyntax = ";|&$<>`()\n"

func notAllowed(name, command string) error {
	return classify.WithHint(classify.New(classify.ScriptGrant, "the script may not run %q on the station", name), "allow it with --allow-exec %s, or to the letter with --allow-exec '%s'", name, command)
}
