package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// What a run leaves, by the flag that names it and its name in the folder of --out.
var artefactNames = map[string]string{"verdict": "verdict.json", "events": "events.jsonl", "transcript": "transcript.log"}

// artefacts are the files that a run writes. All are opened before it, so that a bad path costs nothing.
type artefacts struct {
	verdict    *verdict
	events     *eventLog
	transcript *rotating // nil if nobody wants it
}

// openArtefacts opens what the flags ask for. The verdict can be written even if something else cannot.
func openArtefacts(c *cli.Context) (a artefacts, err error) {
	a.verdict, a.events = &verdict{}, &eventLog{}
	inputs := append(c.Args().Slice(), c.String("image"), c.String("sha256"), c.String("to"))
	path := func(flag string) string { return artefactPath(c.String(flag), c.String("out"), flag) }
	others := func(flag string) []string {
		all := slices.Clone(inputs)
		for other := range artefactNames {
			if other != flag {
				all = append(all, path(other))
			}
		}
		return all
	}
	failed := func(flag string, err error) error {
		return classify.Wrap(err, classify.Usage, "--%s %s cannot be written", flag, path(flag))
	}
	open := func() error {
		v, err := newVerdict(path("verdict"), others("verdict")...)
		if err == nil {
			a.verdict = v
		}
		return err
	}
	named := c.String("verdict") != "" // it is written even if the folder for the others cannot be
	if named {
		if err := open(); err != nil {
			return a, err
		}
	}
	if dir := c.String("out"); dir != "" {
		if err := emptied(dir, inputs); err != nil {
			return a, classify.Wrap(err, classify.Usage, "--out %s cannot be used", dir)
		}
	}
	if !named {
		if err := open(); err != nil {
			return a, err
		}
	}
	if p := path("events"); p != "" {
		if a.events.f, err = create(p, others("events")...); err != nil {
			return a, failed("events", err)
		}
	}
	if p := path("transcript"); p != "" {
		if a.transcript, err = newRotating(p, others("transcript")...); err != nil {
			return a, failed("transcript", err)
		}
	}
	return a, nil
}

// artefactPath is where an artefact goes: the file that is named for it, else its place in the folder for all.
func artefactPath(named, dir, flag string) string {
	if named == "" && dir != "" {
		return filepath.Join(dir, artefactNames[flag])
	}
	return named
}

// emptied makes the folder if need be and removes what an earlier run left there, so that none of it passes for this
// run's. Everything else in it stays. A file that has the name of an artefact and is none is an error.
func emptied(dir string, inputs []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	flagOf := map[string]string{filepath.Join(dir, aside(artefactNames["transcript"])): "transcript"}
	for flag, name := range artefactNames {
		flagOf[filepath.Join(dir, name)] = flag
	}
	paths := slices.Sorted(maps.Keys(flagOf))
	for _, path := range paths { // all of them before the first is removed
		if err := cmp.Or(distinct(path, inputs), foreign(path, flagOf[path])); err != nil {
			return err
		}
	}
	for _, path := range paths {
		st, err := os.Lstat(path)
		if err == nil && (st.Mode().IsRegular() || st.Mode()&fs.ModeSymlink != 0) {
			err = os.Remove(path)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (a artefacts) close() {
	if a.events.f != nil {
		a.events.f.Close()
	}
	if a.transcript != nil {
		a.transcript.Close()
	}
}

// eventLog writes events, a line of JSON each, at once. After its first error it writes no more: a gap would not be seen.
type eventLog struct {
	f   *os.File // nil if nobody wants them
	err error
}

func (l *eventLog) event(e engine.Event) {
	if l.f == nil || l.err != nil {
		return
	}
	line, err := json.Marshal(e)
	if err == nil {
		_, err = l.f.Write(append(line, '\n'))
	}
	l.err = err
}

// leaveVerdict writes the verdict on a command line that could not even be read, so that nobody takes an earlier one for
// this run's.
func (env Env) leaveVerdict(app *cli.App, r *engine.Report) {
	cmd, words := (*cli.Command)(nil), env.Args[min(2, len(env.Args)):]
	if len(words) > 0 {
		cmd = app.Command(env.Args[1])
	}
	if cmd == nil || !hasFlag(cmd, "verdict") {
		return
	}
	named, inputs := map[string]string{}, []string(nil)
	for i := 0; i < len(words); i++ {
		name, value, ok := strings.Cut(strings.TrimLeft(words[i], "-"), "=")
		if words[i] == name || name != "verdict" && name != "out" {
			inputs = append(inputs, words[i], value)
			continue
		}
		if !ok && i+1 < len(words) {
			i++
			value = words[i]
		}
		named[name] = value
	}
	if !hasFlag(cmd, "out") {
		delete(named, "out")
	}
	if named["out"] != "" && emptied(named["out"], inputs) != nil {
		return
	}
	if v, err := newVerdict(artefactPath(named["verdict"], named["out"], "verdict"), inputs...); err == nil {
		r.Mode = modeOf(cmd.Name, false)
		v.write(r) // the error that is shown is why there was no run
	}
}

func hasFlag(cmd *cli.Command, name string) bool {
	return slices.ContainsFunc(cmd.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}
