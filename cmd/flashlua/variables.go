package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/hold"
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

// exclusive are flags of which a command takes one: a variable, or a default of the lab file, does not apply beside
// another one of its group that is given.
var exclusive = [][]string{{"image", "part"}, {"verbose", "quiet"}, {"json", "html", "metrics"}, {"json", "source"}, {"json", "format"}}

// boardFlags are the flags that say which board it is. Their variables are those of one board.
var boardFlags = []string{"port", "place", "power", "console", "output"}

// pairFlags are the flags whose values are NAME=VALUE: a value replaces that of the same name alone.
var pairFlags = []string{"arg", "set", "output", "console", "file"}

// origins says where values are from that the command line does not have, by the flag, or "FLAG NAME" for each name
// of pairFlags.
type origins map[string]string

type originsKey struct{}

// withOrigins sets the origins of a command line.
func withOrigins(c *cli.Context, o origins) {
	c.Context = context.WithValue(c.Context, originsKey{}, o)
}

func originsOf(c *cli.Context) origins {
	o, _ := c.Context.Value(originsKey{}).(origins)
	return o
}

// isGiven reports whether the command line has a flag.
func isGiven(c *cli.Context, flag string) bool {
	if !c.IsSet(flag) || originsOf(c)[flag] != "" {
		return false
	}
	return !slices.Contains(pairFlags, flag) || len(givenPairs(c, flag)) > 0
}

// givenPairs returns the values of one of pairFlags that the command line has.
func givenPairs(c *cli.Context, flag string) (given []string) {
	values, _ := c.Generic(flag).(*repeated)
	if values == nil {
		return nil
	}
	for _, pair := range *values {
		name, _, _ := strings.Cut(pair, "=")
		if originsOf(c)[flag+" "+name] == "" {
			given = append(given, pair)
		}
	}
	return given
}

// setDefault sets a flag to a value that is not from the command line, unless it is set. In a value of a flag that may
// be repeated, each line is one value.
func setDefault(c *cli.Context, f cli.Flag, value, origin string) error {
	flag, o := f.Names()[0], originsOf(c)
	isPair := slices.Contains(pairFlags, flag)
	if value == "" || c.IsSet(flag) && !isPair || isExcluded(c, flag, origin) {
		return nil
	}
	var set []string
	if isPair {
		if p, ok := c.Generic(flag).(*repeated); ok {
			for _, pair := range *p {
				name, _, _ := strings.Cut(pair, "=")
				set = append(set, name)
			}
		}
	}
	for _, v := range valuesOf(f, value) {
		key := flag
		if isPair {
			name, _, _ := strings.Cut(v, "=")
			if slices.Contains(set, name) {
				continue
			}
			key += " " + name
		}
		if err := setFlag(c, f, v); err != nil {
			return err
		}
		o[key] = origin
	}
	return nil
}

// valuesOf returns the values of a variable: each line that is not blank for a flag that may be repeated.
func valuesOf(f cli.Flag, value string) []string {
	if _, isRepeated := f.(*cli.GenericFlag); !isRepeated {
		return []string{value}
	}
	return slices.DeleteFunc(strings.Split(value, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
}

// truths are the values of a variable for a flag without a value.
var truths = map[string]string{"1": "true", "true": "true", "yes": "true", "0": "false", "false": "false", "no": "false"}

// setFlag sets a flag. The error does not contain the value of a text, which may be a secret.
func setFlag(c *cli.Context, f cli.Flag, value string) error {
	if _, ok := f.(*cli.BoolFlag); ok {
		truth, known := truths[strings.ToLower(value)]
		if !known {
			return fmt.Errorf("must be 1, true or yes, or 0, false or no, not %q", value)
		}
		value = truth
	}
	if err := c.Set(f.Names()[0], value); err != nil {
		return errors.New(cmp.Or(wrongValue(f, value), "cannot be parsed"))
	}
	return nil
}

// isOn reports whether a flag is set, and not to false.
func isOn(c *cli.Context, flag string) bool {
	if !c.IsSet(flag) {
		return false
	}
	i := slices.IndexFunc(c.Command.Flags, func(f cli.Flag) bool { return f.Names()[0] == flag })
	_, isBool := c.Command.Flags[i].(*cli.BoolFlag)
	return !isBool || c.Bool(flag)
}

// isExcluded reports whether another flag of its group, which the command line or another source set, replaces a
// default with an origin.
func isExcluded(c *cli.Context, flag, origin string) bool {
	for _, group := range exclusive {
		if !slices.Contains(group, flag) {
			continue
		}
		for _, other := range group {
			if from := originsOf(c)[other]; other != flag && isOn(c, other) && (from == "" || isVariable(from) != isVariable(origin)) {
				return true
			}
		}
	}
	return false
}

func isVariable(origin string) bool { return strings.HasPrefix(origin, variablePrefix) }

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
			isOther = port != given
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

var flagInText = regexp.MustCompile(`--([a-z][a-z0-9-]*)`)

// nameOrigins adds to an error the variables and defaults whose flags it names.
func nameOrigins(c *cli.Context, err error) error {
	if _, isExit := err.(exitCode); err == nil || isExit {
		return err
	}
	var names []string
	for _, m := range flagInText.FindAllStringSubmatch(err.Error(), -1) {
		for key, origin := range originsOf(c) {
			flag, _, _ := strings.Cut(key, " ")
			if flag == m[1] && !slices.Contains(names, origin) && !strings.Contains(err.Error(), origin) {
				names = append(names, origin)
			}
		}
	}
	if len(names) == 0 {
		return err
	}
	slices.Sort(names)
	return classify.Wrap(err, "", "%s cannot be used", strings.Join(names, " and "))
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
