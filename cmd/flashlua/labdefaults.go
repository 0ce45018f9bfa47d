package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
)

// defaultFlags are the flags of run and verify that may have a default in the lab file.
var defaultFlags = []string{
	"allow-exec", "canary", "format", "jobs", "max-size", "no-bmap", "no-check", "quiet", "results", "retries", "stop-after", "strict", "tftp-dir",
	"timeout", "verbose", "wait",
}

// defaultPaths are those of defaultFlags that are paths, relative to the folder of the lab file.
var defaultPaths = []string{"results", "tftp-dir"}

// checkDefaults returns a finding for each default of a lab file that is no flag of run, or has a wrong value.
func (env Env) checkDefaults(l *bindings.Lab) (all []bindings.Finding) {
	set := flag.NewFlagSet("", flag.ContinueOnError)
	for _, f := range env.runCommand().Flags {
		if slices.Contains(defaultFlags, f.Names()[0]) {
			f.Apply(set) // fails only for a default of the flag that is wrong
		}
	}
	defaults := l.Defaults()
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		wrong := func(format string, a ...any) { all = append(all, l.WrongDefault(name, fmt.Sprintf(format, a...))) }
		if !slices.Contains(defaultFlags, name) {
			near := bindings.DidYouMean(name, defaultFlags)
			if near == "" {
				near = "; known are " + strings.Join(defaultFlags, ", ")
			}
			wrong("defaults: the flag %q can have no default%s", name, near)
		} else if err := set.Set(name, defaults[name]); err != nil {
			wrong("defaults.%s: %q is no value of --%[1]s", name, defaults[name])
		}
	}
	return all
}

// wrongDefaults returns the findings of checkDefaults as an error, nil if there are none.
func (env Env) wrongDefaults(l *bindings.Lab) error {
	var all []error
	for _, f := range env.checkDefaults(l) {
		all = append(all, classify.New(classify.ConfigLab, "%s:%d: %s", f.File, f.Line, f.Message))
	}
	return errors.Join(all...)
}

// useLabDefaults is useDefaults for the lab file of the station that the command line names, if it names one. It
// ignores errors: use, which reads the file again, returns them.
func (env Env) useLabDefaults(c *cli.Context) {
	if c.NArg() == 0 {
		return
	}
	if s, err := env.stationOf(c, c.Args().First(), func(string) {}); err == nil && s != nil {
		useDefaults(c, s.lab)
	}
}

// useDefaults sets the flags that are not set to their defaults in a lab file.
func useDefaults(c *cli.Context, l *bindings.Lab) error {
	for name, value := range l.Defaults() {
		i := slices.IndexFunc(c.Command.Flags, func(f cli.Flag) bool { return f.Names()[0] == name })
		if i < 0 { // verify has no --no-check
			continue
		}
		if slices.Contains(defaultPaths, name) && !filepath.IsAbs(value) {
			value = filepath.Join(filepath.Dir(l.File), value)
		}
		place := l.WrongDefault(name, "")
		if err := setDefault(c, c.Command.Flags[i], value, fmt.Sprintf("%s:%d: defaults.%s", place.File, place.Line, name)); err != nil {
			return err
		}
	}
	return nil
}
