package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/classify"
)

// exclusive are flags of which a command takes one: a variable, or a default of the lab file, does not apply beside
// another one of its group that is given.
var exclusive = [][]string{{"image", "part"}, {"verbose", "quiet"}, {"json", "html", "metrics"}, {"json", "source"}, {"json", "format"}}

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

var flagInText = regexp.MustCompile(`--([a-z][a-z0-9-]*)`)

// nameOrigins adds to an error the variables and defaults whose flags or quoted values it names.
func nameOrigins(c *cli.Context, err error) error {
	if _, isExit := err.(exitCode); err == nil || isExit {
		return err
	}
	text := err.Error()
	named := map[string]bool{}
	for _, m := range flagInText.FindAllStringSubmatch(text, -1) {
		named[m[1]] = true
	}
	var names []string
	for key, origin := range originsOf(c) {
		flag, _, _ := strings.Cut(key, " ")
		value := c.String(flag)
		isNamed := named[flag] || value != "" && strings.Contains(text, strconv.Quote(value))
		if isNamed && isDefault(origin) && !slices.Contains(names, origin) && !strings.Contains(text, origin) {
			names = append(names, origin)
		}
	}
	if len(names) == 0 {
		return err
	}
	slices.Sort(names)
	return classify.Wrap(err, "", "%s cannot be used", strings.Join(names, " and "))
}

// isDefault reports whether an origin is a variable or a default of a lab file, and not a station.
func isDefault(origin string) bool {
	return isVariable(origin) || strings.Contains(origin, ": "+defaultsPrefix)
}
