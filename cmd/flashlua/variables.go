package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/hold"
	"github.com/flashlua/flashlua/engine/transport"
)

// Each flag has a variable of the environment. urfave/cli's own EnvVars do not serve: they read the environment of the
// process instead of Env's, add the values of a repeated flag to those of the variable, put the value into the error,
// which may be a secret, and do not say which flags are from the environment.

// variablePrefix begins the names of flashlua's variables.
const variablePrefix = "FLASHLUA_"

// The variables of the cache of images, see engine.CacheFromEnv.
const (
	cacheVariable     = "FLASHLUA_CACHE"
	cacheSizeVariable = "FLASHLUA_CACHE_SIZE"
)

// otherVariables are the variables of flashlua that belong to no flag.
var otherVariables = []string{cacheVariable, cacheSizeVariable, hold.FolderVariable, hold.Variable}

// withoutVariable has the reasons why a flag of all commands, or "COMMAND FLAG", has no variable.
var withoutVariable = map[string]string{
	"dry-run":        "a forgotten variable would let every run end with exit 0 without a write",
	"resume":         "a forgotten variable would let a run skip stations",
	"tag":            "it chooses the boards that are written",
	"to":             "it names the medium that is overwritten",
	"force":          "it permits the write to a medium in use, which must be meant each time",
	"log-input":      "a forgotten variable would record passwords",
	"sim listen":     "the flag of flashlua tftp is another one",
	"sim power":      "the flag of flashlua run is another one",
	"sim set":        "the flag of flashlua run is another one",
	"check format":   "the flag of flashlua run is another one",
	"report format":  "the flag of flashlua run is another one",
	"sim variant":    "the variable is for the policy of a run",
	"boards variant": "the variable is for the policy of a run",
}

// variableOf returns the name of a flag's variable.
func variableOf(flag string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// variableFlags returns the flags of a command that have a variable.
func variableFlags(cmd *cli.Command) (all []cli.Flag) {
	for _, f := range cmd.Flags {
		name := f.Names()[0]
		if withoutVariable[name] == "" && withoutVariable[cmd.Name+" "+name] == "" {
			all = append(all, f)
		}
	}
	return all
}

// variablesOf returns the values of flags that the environment has, by the flag.
func (env Env) variablesOf(flags ...string) map[string]string {
	values := map[string]string{}
	for _, flag := range flags {
		if value := env.getenv(variableOf(flag)); value != "" {
			values[flag] = value
		}
	}
	return values
}

// withoutVariables returns an environment in which no flag has a variable.
func (env Env) withoutVariables() Env {
	own := env.Getenv
	env.Getenv = func(name string) string {
		if strings.HasPrefix(name, variablePrefix) && !slices.Contains(otherVariables, name) {
			return ""
		}
		return own(name)
	}
	return env
}

// boardFlags are the flags that say which board it is. Their variables are those of one board.
var boardFlags = []string{"port", "place", "power", "console", "output"}

// useVariables sets the flags that the command line does not have from the environment.
func (env Env) useVariables(c *cli.Context) error {
	withOrigins(c, origins{})
	return env.applyVariables(c, func(string) bool { return false })
}

// applyVariables is useVariables without the flags of which skip is true.
func (env Env) applyVariables(c *cli.Context, skip func(flag string) bool) error {
	unused := env.ofAnotherBoard(c)
	for _, f := range variableFlags(c.Command) {
		flag := f.Names()[0]
		name := variableOf(flag)
		value := env.getenv(name)
		if value == "" || skip(flag) || slices.Contains(unused, flag) {
			continue
		}
		if err := setDefault(c, f, value, name); err != nil {
			return usageErrorFor(c.Command.Name, "%s %v", name, err)
		}
	}
	return nil
}

// ofAnotherBoard returns those of boardFlags whose variables are not for the board that the command line names: a
// variable must not switch the power of one board while another one is written.
func (env Env) ofAnotherBoard(c *cli.Context) []string {
	for _, flag := range []string{"port", "place"} {
		if !hasFlag(c.Command, flag) || !isGiven(c, flag) {
			continue
		}
		port, isOther := env.getenv(variableOf("port")), env.getenv(variableOf("place")) != ""
		switch given := c.String(flag); {
		case flag == "place", engine.IsSimulated(given):
			isOther = true
		case port != "":
			isOther = transport.WithScheme(port) != transport.WithScheme(given)
		}
		if isOther {
			return boardFlags
		}
		return []string{"place"}
	}
	return nil
}

// unusedVariables returns the variables of a board that do not apply, because the command line names a board. station
// is "" without one.
func (env Env) unusedVariables(c *cli.Context, station string) (names []string) {
	for _, flag := range boardFlags {
		name := variableOf(flag)
		if hasFlag(c.Command, flag) && env.getenv(name) != "" && !isGiven(c, flag) && (station != "" || !c.IsSet(flag)) {
			names = append(names, name)
		}
	}
	return names
}

// describeVariables returns what is said of the variables of a run. It has no values, which may be secrets. takes
// reports whether the run takes a flag.
func (env Env) describeVariables(c *cli.Context, station string, takes func(flag string) bool) (notes []string) {
	var used []string
	for key, name := range originsOf(c) {
		flag, _, _ := strings.Cut(key, " ")
		if isVariable(name) && takes(flag) && !slices.Contains(used, name) && name != labVariable && name != resultsVariable {
			used = append(used, name)
		}
	}
	slices.Sort(used)
	unused := slices.DeleteFunc(env.unusedVariables(c, station), func(name string) bool { return !takes("port") })
	used = slices.DeleteFunc(used, func(name string) bool { return slices.Contains(unused, name) })
	if len(used) > 0 {
		notes = append(notes, "from the environment: "+strings.Join(used, ", "))
	}
	if len(unused) > 0 {
		why := "the command line names another board"
		if station != "" {
			why = station + " has its own console and power"
		}
		notes = append(notes, fmt.Sprintf("not used: %s, because %s", strings.Join(unused, ", "), why))
	}
	return notes
}

// unknownVariables returns the variables of an environment that begin as flashlua's do and that it does not have, in
// order.
func unknownVariables(app *cli.App, environ []string) (all []unknownVariable) {
	known, reasons := slices.Clone(otherVariables), map[string]string{}
	for _, cmd := range app.Commands {
		for _, f := range variableFlags(cmd) {
			known = append(known, variableOf(f.Names()[0]))
		}
		for _, f := range cmd.Flags {
			reasons[variableOf(f.Names()[0])] = withoutVariable[f.Names()[0]]
		}
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, variablePrefix) || value == "" || slices.Contains(known, name) {
			continue
		}
		u := unknownVariable{Variable: name, Why: reasons[name]}
		if u.Why == "" {
			u.Meant = strings.TrimSuffix(strings.TrimPrefix(bindings.DidYouMean(name, known), "; did you mean "), "?")
		}
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b unknownVariable) int { return strings.Compare(a.Variable, b.Variable) })
	return all
}
