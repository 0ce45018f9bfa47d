package main

import (
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/lab"
)

// manyFlags returns the flags for a run on several stations.
func manyFlags() []cli.Flag {
	return []cli.Flag{
		&cli.GenericFlag{Name: "tag", Value: &repeated{}, Usage: "choose the stations that have the tag `T`; may be repeated: those that have all"},
		&cli.IntFlag{Name: "jobs", Aliases: []string{"j"}, Usage: "stations at a time, `N`", DefaultText: strconv.Itoa(engine.DefaultParallel)},
		&cli.IntFlag{Name: "canary", Usage: "start the first `N` stations alone, and the others only if all of these are verified", DefaultText: "all at once"},
		&cli.IntFlag{Name: "stop-after", Usage: "start no further station after `N` failures", DefaultText: "no limit"},
		&cli.BoolFlag{DisableDefaultText: true, Name: "resume", Usage: "skip stations that are verified according to the directory of --out"},
	}
}

// onlyForMany are the flags that mean nothing for one board.
var onlyForMany = []string{"tag", "jobs", "canary", "stop-after", "resume"}

// onlyForOne are the flags that name one file, which several stations cannot share.
var onlyForOne = []string{"verdict", "events", "transcript"}

// isForMany returns a flag for several stations that was given, "" if there is none.
func isForMany(c *cli.Context) string {
	for _, name := range onlyForMany {
		if isGiven(c, name) {
			return name
		}
	}
	return ""
}

// fleetOf reads the flags for several stations, and refuses those that are wrong.
func fleetOf(c *cli.Context) (f lab.Fleet, err error) {
	for _, name := range []string{"jobs", "canary", "stop-after"} {
		if c.IsSet(name) && c.Int(name) < 1 {
			return f, usageError("--%s must be 1 or more, not %d", name, c.Int(name))
		}
	}
	for _, name := range slices.Concat(onlyForOne, onlyForPrograms) {
		if c.IsSet(name) && slices.Contains(onlyForOne, name) { // an output that is not written must not be missed
			return f, usageError("--%s is one file, and there are several stations: use --out DIR, which has a directory for each", name)
		}
		if !isGiven(c, name) {
			continue
		}
		return f, usageError("--%s is for programs, and stations are boards", name)
	}
	switch {
	case c.Bool("resume") && c.String("out") == "":
		return f, usageError("--resume needs --out DIR: the directory of the run that is to be resumed")
	case c.Bool("resume") && c.Command.Name != "run":
		return f, usageError("--resume is for flashlua run: flashlua %s compares every station", c.Command.Name)
	case c.Bool("resume") && c.Bool("dry-run"):
		return f, usageError("--resume and --dry-run exclude each other: a dry run shows the plan of every station")
	}
	return lab.Fleet{Parallel: c.Int("jobs"), Canary: c.Int("canary"), StopAfter: c.Int("stop-after")}, nil
}
