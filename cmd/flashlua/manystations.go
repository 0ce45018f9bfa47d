package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/lab"
	"github.com/flashlua/flashlua/engine/visible"
)

// choice is the stations that a command line chooses, and the lab that has them.
type choice struct {
	env      Env
	cli      *cli.Context
	lab      *bindings.Lab
	stations []lab.Station
	printed  []string // by the lab file
}

// chooseStations returns the stations that the arguments and --tag choose, nil if they choose one script, or one
// station without a flag for several. A station that is off is not chosen by its tags.
func (env Env) chooseStations(c *cli.Context) (*choice, error) {
	all := &choice{env: env, cli: c}
	silent := func(string) {} // the file is read again, here or for one script
	if !c.IsSet("tag") {
		if c.NArg() == 0 || c.NArg() == 1 && isForMany(c) == "" {
			return nil, nil
		}
		if first, err := env.stationOf(c, c.Args().First(), silent); err != nil || first == nil {
			return nil, err
		}
	}
	l, err := env.openLab(c, func(text string) { all.printed = append(all.printed, text) })
	switch {
	case err != nil:
		return nil, err
	case l == nil:
		return nil, noLab()
	case c.IsSet("on"):
		return nil, usageError("--on is for one station: run flashlua for each of them")
	case isGiven(c, placeFlagName):
		return nil, usageError("--place is one board: set labgrid in each station of %s", l.File)
	}
	all.lab = l
	useDefaults(c, l) // for the flags of the whole run; use returns the error, for each station
	for _, arg := range c.Args().Slice() {
		s, err := stationIn(l, arg)
		if err != nil {
			return nil, err
		}
		if s == nil {
			return nil, usageError("%s is a script, and several can only be run one after the other: name stations of %s alone", visible.Line(arg), l.File)
		}
		all.stations = append(all.stations, s.Station)
	}
	if tags := *c.Generic("tag").(*repeated); len(tags) > 0 {
		found := slices.DeleteFunc(l.Inventory.Select(tags...), func(s lab.Station) bool { return s.Off != "" })
		if len(found) == 0 {
			return nil, classify.WithHint(classify.New(classify.Usage, "no station in use has the tags %s", visible.Line(tags.String())), "flashlua lab list shows the tags of each")
		}
		for _, s := range found {
			if !slices.ContainsFunc(all.stations, func(x lab.Station) bool { return x.Name == s.Name }) {
				all.stations = append(all.stations, s)
			}
		}
	}
	return all, nil
}

// jobOf returns what the command does with a station.
func (x *choice) jobOf(s lab.Station) (_ stationJob, err error) {
	c, err := x.env.use(x.cli, &chosen{s, x.lab})
	defer func() {
		if c != nil {
			err = nameOrigins(c, err)
		}
	}()
	if err != nil {
		return stationJob{}, err
	}
	j := stationJob{script: s.Board, options: bindings.Options{Variant: c.String("variant"), Secret: x.env.readSecret, Allow: *c.Generic("allow-exec").(*repeated)}}
	if j.options.Set, err = parseSet(c.Generic("set").(*repeated)); err == nil {
		err = checkVariant(c)
	}
	if err == nil {
		j.job, err = jobOf(c)
	}
	if err == nil {
		err = x.env.readArguments(c, &j.job)
	}
	j.job.Station, j.place = s.Name, placeOf(c)
	return j, err
}
