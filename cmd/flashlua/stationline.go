package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/hold"
	"github.com/flashlua/flashlua/engine/lab"
	"github.com/flashlua/flashlua/engine/visible"
)

// stationLine is a station in JSON. Secrets of its settings are stars.
type stationLine struct {
	Station  string            `json:"station"`
	Board    string            `json:"board"`
	Port     string            `json:"port,omitempty"`
	Power    string            `json:"power,omitempty"`
	Labgrid  string            `json:"labgrid,omitempty"`
	Outputs  map[string]string `json:"outputs,omitempty"`
	Consoles map[string]string `json:"consoles,omitempty"`
	Files    string            `json:"files,omitempty"`
	Target   string            `json:"target,omitempty"`
	Variant  string            `json:"variant,omitempty"`
	Args     map[string]string `json:"args,omitempty"`
	Set      map[string]string `json:"set,omitempty"`
	Tags     []string          `json:"tags"`
	Note     string            `json:"note,omitempty"`
	Off      string            `json:"off,omitempty"`  // the reason
	Held     *hold.Hold        `json:"held,omitempty"` // by a job on this machine; nil if the station is free
	Last     *lastResult       `json:"last,omitempty"` // nil if the folder of results has none
	Place    string            `json:"place"`          // file:line
}

// maxResolve bounds how long a command that shows stations resolves the names of their console servers.
const maxResolve = 2 * time.Second

// holder returns the job that holds a station, or one of its consoles by --port, nil if there is none. If ctx has
// ended, it looks only for a job that names the station.
func (env Env) holder(ctx context.Context, s lab.Station) *hold.Hold {
	names, err := engine.Job{Station: s.Name, Port: s.Port, Consoles: s.Consoles}.HoldNames(ctx)
	if err != nil {
		names = []string{hold.StationName(s.Name)}
	}
	for _, name := range names {
		if h, held := env.locks(clock.Real{}).Holder(name); held {
			return &h
		}
	}
	return nil
}

func (env Env) stationLine(ctx context.Context, l *bindings.Lab, s lab.Station) stationLine {
	redacted := func(all map[string]string) map[string]string {
		all = maps.Clone(all)
		for name, v := range all {
			if all[name] = engine.RedactAddresses(v); strings.HasSuffix(name, "password") && !isSecretRef(v) {
				all[name] = "********"
			}
		}
		return all
	}
	return stationLine{
		Station: s.Name, Board: s.Board, Port: engine.RedactAddresses(s.Port), Power: engine.RedactAddresses(s.Power), Labgrid: s.Labgrid,
		Outputs: redacted(s.Outputs), Consoles: redacted(s.Consoles), Files: s.Files, Target: s.Target, Variant: s.Variant,
		Args: redacted(s.Args), Set: redacted(s.Set), Tags: append([]string{}, s.Tags...), Note: s.Note, Off: s.Off, Place: l.Place(s.Name),
		Held: env.holder(ctx, s),
	}
}

// state returns whether the station can be used, for people.
func (s stationLine) state() string {
	switch {
	case s.Off != "":
		return "off: " + s.Off
	case s.Held != nil:
		return "held by " + s.Held.String()
	}
	return "free"
}

// printStation prints a station, a field in a line.
func printStation(out io.Writer, s stationLine) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", visible.Line(name), visible.Line(value))
		}
	}
	rows := func(field string, values map[string]string) {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			row(field+"."+name, values[name])
		}
	}
	row("station", s.Station+", "+s.Place)
	row("state", s.state())
	row("last", s.Last.String())
	row("note", s.Note)
	row("board", s.Board)
	row("port", s.Port)
	row("power", s.Power)
	row("labgrid", s.Labgrid)
	rows("outputs", s.Outputs)
	rows("consoles", s.Consoles)
	row("files", s.Files)
	row("target", s.Target)
	row("variant", s.Variant)
	rows("args", s.Args)
	rows("set", s.Set)
	row("tags", strings.Join(s.Tags, ", "))
	return stdoutError(w.Flush())
}
