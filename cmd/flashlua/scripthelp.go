package main

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/visible"
)

// withScriptHelp returns the words of a command line, as reorderArgs returns them, for urfave/cli. If they ask for
// help, it removes the arguments, which urfave/cli takes for topics, and adds the arguments of the policy in `run
// SCRIPT --help` to the help of the command. A script that cannot be loaded adds nothing: help always prints.
func (env Env) withScriptHelp(app *cli.App, words []string) []string {
	end := slices.Index(words, "--")
	if end < 0 || !slices.ContainsFunc(words[:end], isHelp) {
		return words
	}
	cmd := app.Command(words[1])
	if cmd == nil { // the help of flashlua itself
		return words[:end]
	}
	if end+1 < len(words) && slices.ContainsFunc(cmd.Flags, func(f cli.Flag) bool { return f.Names()[0] == "arg" }) {
		spec := words[end+1]
		if s := env.stationForHelp(words[:end], spec); s != nil {
			spec = s.Board
		}
		script, err := bindings.Inspect(spec, bindings.Options{})
		if err == nil && script.Policy != nil && len(script.Policy.Args) > 0 {
			cmd.Description += "\n\nArguments of " + visible.Line(script.File) + ":\n\n" + argumentRows(script.Policy.Args)
		}
	}
	return words[:end]
}

// stationForHelp returns the station that an argument names, nil if it names a script or is wrong.
func (env Env) stationForHelp(flags []string, arg string) *chosen {
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.String("lab", flagValue(flags, "lab"), "")
	s, _ := env.stationOf(cli.NewContext(nil, set, nil), arg, nil)
	return s
}

func isHelp(word string) bool {
	return word == "--help" || word == "-help" || word == "-h" || word == "--h"
}

// argumentRows describes arguments, one in a line.
func argumentRows(args map[string]engine.Argument) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, name := range slices.Sorted(maps.Keys(args)) {
		a := args[name]
		var facts []string
		if len(a.OneOf) > 0 {
			facts = append(facts, "one of "+strings.Trim(luaLiteral(a.OneOf), "{ }"))
		}
		switch {
		case a.Required:
			facts = append(facts, "required")
		case a.Default != nil:
			facts = append(facts, "default: "+fmt.Sprint(a.Default))
		}
		help := strings.Join(slices.DeleteFunc([]string{a.Help, strings.Join(facts, "; ")}, func(s string) bool { return s == "" }), "; ")
		if help != "" {
			help = "\t" + visible.Line(help)
		}
		fmt.Fprintf(w, "  --arg %s=%s%s\n", name, strings.ToUpper(string(a.Type)), help)
	}
	w.Flush()
	return strings.TrimRight(text.String(), "\n")
}
