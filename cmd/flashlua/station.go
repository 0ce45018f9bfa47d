package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/lab"
)

// stationPrefix before an argument says that it is a station, not a file of the same name.
const stationPrefix = "station:"

// chosen is a station that an argument names.
type chosen struct {
	lab.Station
	lab *bindings.Lab
}

// place returns where the station is written.
func (s *chosen) place() string { return s.lab.Place(s.Name) }

// stationOf returns the station that an argument names, nil if it names a script. A path, and the name of a board that
// comes with flashlua, are scripts.
func (env Env) stationOf(c *cli.Context, arg string, print func(string)) (*chosen, error) {
	only := strings.HasPrefix(arg, stationPrefix)
	if !only && isScript(arg) {
		return nil, nil
	}
	l, err := env.openLab(c, print)
	switch {
	case err != nil:
		return nil, err
	case l == nil && only:
		return nil, noLab()
	case l == nil:
		return nil, checkExists(arg)
	}
	return stationIn(l, arg)
}

// stationIn is stationOf for an open lab.
func stationIn(l *bindings.Lab, arg string) (*chosen, error) {
	name, only := strings.CutPrefix(arg, stationPrefix)
	if !only && isScript(arg) {
		return nil, nil
	}
	s, wrong := stationNamed(l, name)
	st, err := os.Stat(arg)
	isFile := err == nil && !st.IsDir() && !only // a directory of that name may be that of --out
	switch {
	case wrong == nil && isFile:
		return nil, classify.WithHint(classify.New(classify.Usage, "%s is a file, and a station (%s)", name, l.Place(name)),
			"write ./%s for the file, or %s%[1]s for the station", name, stationPrefix)
	case wrong == nil:
		return &chosen{s, l}, nil
	case isFile:
		return nil, nil
	case only || l.Wrong(name) != nil:
		return nil, wrong
	}
	near := bindings.DidYouMean(arg, slices.Concat(l.Inventory.Names(), bindings.Boards()))
	return nil, classify.WithHint(classify.New(classify.Usage, "there is no script, board or station %q%s", arg, near),
		"flashlua lab lists the stations of %s, flashlua boards the boards that come with flashlua", l.File)
}

// checkExists returns an error for a name without a lab file that is no file either.
func checkExists(arg string) error {
	if _, err := os.Stat(arg); arg == "" || !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return classify.WithHint(classify.New(classify.Usage, "there is no script or board %q, and no lab file with stations", arg),
		"name a file, or one of the boards %s%s; for a station name the lab file with --lab FILE or %s",
		strings.Join(bindings.Boards(), ", "), bindings.DidYouMean(arg, bindings.Boards()), labVariable)
}

// findStation returns the station of a name.
func (env Env) findStation(c *cli.Context, name string) (lab.Station, error) {
	name, _ = strings.CutPrefix(name, stationPrefix)
	l, err := env.openLab(c, func(string) {})
	if err == nil && l == nil {
		err = noLab()
	}
	if err != nil {
		return lab.Station{}, err
	}
	return stationNamed(l, name)
}

// stationNamed returns the station of a lab, or why there is none of that name.
func stationNamed(l *bindings.Lab, name string) (lab.Station, error) {
	s, found := l.Inventory.Find(name)
	switch {
	case found:
		return s, nil
	case l.Wrong(name) != nil:
		return s, l.Wrong(name)
	}
	return s, l.Unknown(name)
}

// isScript reports whether an argument can be a script alone.
func isScript(arg string) bool {
	return strings.Contains(arg, "/") || strings.HasSuffix(arg, ".lua") || slices.Contains(bindings.Boards(), arg)
}

// use returns the command line with the station as its only argument, and with the fields of the station as the flags
// that are not set. It returns an error if the station is off, or if something that a flag does not replace is wrong.
func (env Env) use(c *cli.Context, s *chosen) (*cli.Context, error) {
	if s.Off != "" {
		return nil, classify.WithHint(classify.New(classify.Usage, "station %s is off: %s", s.Name, s.Off), "%s says so", s.place())
	}
	st := s.withoutReplaced(c)
	if err := errors.Join(s.lab.CheckStation(st), env.checkSecrets(s, st), env.wrongDefaults(s.lab)); err != nil {
		return nil, err
	}
	x, err := copyContext(c, s.Name)
	if err == nil {
		err = setFields(x, st, s.place())
	}
	if err == nil {
		err = env.applyVariables(x, func(flag string) bool { return slices.Contains(boardFlags, flag) })
	}
	if err == nil {
		err = useDefaults(x, s.lab)
	}
	return x, err
}

// setFields sets the flags to the fields of a station, which is written at origin.
func setFields(x *cli.Context, st lab.Station, origin string) error {
	place := ""
	if st.Labgrid != "" {
		place = "labgrid:" + st.Labgrid
	}
	if place != "" && !hasFlag(x.Command, placeFlagName) {
		return usageError("station %s is the place %s, which this flashlua cannot use: give the station a port and a power driver", st.Name, place)
	}
	for flag, value := range map[string]string{
		placeFlagName: place, "port": st.Port, "power": st.Power, "files": st.Files, "target": st.Target, "variant": st.Variant,
	} {
		if value == "" {
			continue
		}
		if err := x.Set(flag, value); err != nil {
			return err
		}
		originsOf(x)[flag] = origin
	}
	for flag, values := range map[string]map[string]string{"arg": st.Args, "set": st.Set, "output": st.Outputs, "console": st.Consoles} {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if err := x.Set(flag, name+"="+values[name]); err != nil {
				return err
			}
			originsOf(x)[flag+" "+name] = origin
		}
	}
	return nil
}

// copyContext returns a copy of a command line, with another argument and without what is not from the command line.
func copyContext(c *cli.Context, argument string) (*cli.Context, error) {
	set := flag.NewFlagSet(c.Command.Name, flag.ContinueOnError)
	for _, f := range c.Command.Flags {
		if g, ok := f.(*cli.GenericFlag); ok {
			f = &cli.GenericFlag{Name: g.Name, Aliases: g.Aliases, Value: &repeated{}}
		}
		if err := f.Apply(set); err != nil {
			return nil, err
		}
	}
	set.Parse([]string{"--", argument})
	x := cli.NewContext(c.App, set, nil)
	x.Context, x.Command = c.Context, c.Command
	withOrigins(x, origins{})
	for _, f := range c.Command.Flags {
		name := f.Names()[0]
		if !isGiven(c, name) {
			continue
		}
		var values []string
		if slices.Contains(pairFlags, name) {
			values = givenPairs(c, name)
		} else if _, ok := f.(*cli.GenericFlag); ok {
			values = *c.Generic(name).(*repeated)
		} else {
			values = []string{fmt.Sprint(c.Value(name))}
		}
		for _, v := range values {
			if err := x.Set(name, v); err != nil {
				return nil, err
			}
		}
	}
	return x, nil
}

// placeFlagName is the flag that takes the place of a coordinator, which has the console and the power.
const placeFlagName = "place"

// withoutReplaced returns the station without what flags replace. With a simulated board instead of the real one,
// nothing of the real one is switched or opened.
func (s *chosen) withoutReplaced(c *cli.Context) lab.Station {
	st := s.Station
	for flag, field := range map[string]*string{"port": &st.Port, "power": &st.Power, "files": &st.Files, "target": &st.Target, "variant": &st.Variant} {
		if isGiven(c, flag) {
			*field = ""
		}
	}
	if isGiven(c, "port") {
		st.Labgrid = ""
	}
	if isGiven(c, placeFlagName) {
		st.Port, st.Power, st.Labgrid = "", "", ""
	}
	for flag, field := range map[string]*map[string]string{"arg": &st.Args, "set": &st.Set, "output": &st.Outputs, "console": &st.Consoles} {
		*field = maps.Clone(*field)
		for _, pair := range givenPairs(c, flag) {
			name, _, _ := strings.Cut(pair, "=")
			delete(*field, name)
		}
	}
	if isGiven(c, "port") && engine.IsSimulated(c.String("port")) {
		st.Power, st.Outputs, st.Consoles = "", nil, nil
	}
	return st
}

// checkSecrets returns an error for each argument of the station whose secret cannot be read.
func (env Env) checkSecrets(s *chosen, st lab.Station) error {
	var all []error
	for _, name := range slices.Sorted(maps.Keys(st.Args)) {
		if _, err := env.readSecret(st.Args[name]); err != nil {
			all = append(all, classify.New(classify.ConfigLab, "%s: station %s: args.%s: %v", s.place(), s.Name, name, err))
		}
	}
	return errors.Join(all...)
}

// describe returns the station for people.
func (s *chosen) describe() string {
	text := fmt.Sprintf("station %s (%s): board %s", s.Name, s.place(), s.Board)
	if s.Note != "" {
		text += "; " + s.Note
	}
	return text
}
