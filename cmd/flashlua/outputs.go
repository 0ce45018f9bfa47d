package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/report"
)

// artefactNames are the names of a run's files in the directory of --out, by the flag that names the file itself.
var artefactNames = map[string]string{"verdict": report.VerdictName, "events": report.EventsName, "transcript": report.TranscriptName}

// standardOutput is the value of a flag that names the standard output instead of a file.
const standardOutput = "-"

// artefacts are the files that a run writes. They are opened before the run, so that a wrong path is an error at
// once.
type artefacts struct {
	verdict    *verdict
	events     *sink // nil without --events and --out
	transcript *sink // nil without --transcript and --out
	results    *resultLog
	runID      string // of the run, which its outputs have
	reports    reportOutputs
	files      []io.Closer
	onStdout   bool // one of them is the standard output, where nothing else may be printed
}

// openArtefacts opens the files that the flags name, and the results of the run.
func (env Env) openArtefacts(c *cli.Context, clk clock.Clock) (artefacts, error) {
	if env.remote != nil {
		return env.remote.artefacts(clk)
	}
	inputs := append(c.Args().Slice(), c.String("image"), c.String("sha256"), c.String("to"))
	stdout := env.Stdout
	if s, ok := stdout.(*sink); ok {
		stdout = s.w // the output gets a sink of its own
	}
	a, err := openOutputs(c.String, inputs, stdout, clk)
	reports, failed := openReports(c.String, inputs)
	a.reports, err = reports, cmp.Or(err, failed)
	if err == nil {
		a.results, err = env.openResults(c, clk)
	}
	return a, err
}

// openOutputs opens the files that flags name: value returns the value of verdict, events, transcript and out. inputs
// are files that must not be replaced. If one of the outputs cannot be opened, the verdict can still be written.
func openOutputs(value func(flag string) string, inputs []string, stdout io.Writer, clk clock.Clock) (a artefacts, err error) {
	a.verdict, a.runID = &verdict{}, engine.NewRunID()
	path := func(flag string) string { return artefactPath(value(flag), value("out"), flag) }
	var onStdout []string
	for _, flag := range slices.Sorted(maps.Keys(artefactNames)) {
		if path(flag) == standardOutput {
			onStdout = append(onStdout, "--"+flag)
		}
	}
	a.onStdout = len(onStdout) > 0
	if len(onStdout) > 1 {
		return a, usageError("%s cannot both be the standard output", strings.Join(onStdout, " and "))
	}
	others := func(flag string) []string {
		all := slices.DeleteFunc(slices.Clone(inputs), isStream)
		for other := range artefactNames {
			if other != flag && !isStream(path(other)) {
				all = append(all, path(other))
			}
		}
		return all
	}
	failed := func(flag string, err error) error {
		return unreadHint(classify.Wrap(err, classify.OutputOpen, "--%s %s cannot be written", flag, path(flag)))
	}
	open := func() error {
		if path("verdict") == standardOutput {
			a.verdict.stdout = stdout
			return nil
		}
		v, err := newVerdict(path("verdict"), others("verdict")...)
		if err == nil {
			a.verdict = v
		}
		return err
	}
	named := value("verdict") != "" // it is written even if the directory of --out cannot be used
	if named {
		if err := open(); err != nil {
			return a, err
		}
	}
	if dir := value("out"); dir != "" {
		lock, err := claimOutDir(dir, inputs)
		if err != nil {
			return a, classify.Wrap(err, classify.OutputOpen, "--out %s cannot be used", dir)
		}
		if lock != nil {
			a.files = append(a.files, lock)
		}
	}
	if !named {
		if err := open(); err != nil {
			return a, err
		}
	}
	if p := path("events"); p == standardOutput {
		a.events = newSink("events", stdout, eventsMark(clk, a.runID))
	} else if p != "" {
		f, err := create(p, others("events")...)
		if err != nil {
			return a, failed("events", err)
		}
		a.events, a.files = newSink("events", f, eventsMark(clk, a.runID)), append(a.files, f)
	}
	if p := path("transcript"); p == standardOutput {
		a.transcript = newSink("transcript", stdout, transcriptMark(clk))
	} else if p != "" {
		f, err := newRotatingFile(p, others("transcript")...)
		if err != nil {
			return a, failed("transcript", err)
		}
		a.transcript, a.files = newSink("transcript", f, transcriptMark(clk)), append(a.files, f)
	}
	return a, nil
}

// isStream reports whether a path names a standard stream, not a file.
func isStream(path string) bool { return path == standardOutput }

// artefactPath returns the path of an artefact: the file that its own flag names, else its file in the directory
// of --out. "" is no file.
func artefactPath(named, dir, flag string) string {
	if named == "" && dir != "" {
		return filepath.Join(dir, artefactNames[flag])
	}
	return named
}

// prepareOutDir creates the directory if necessary and removes the artefacts of an earlier run, so that they are
// not mistaken for this run's. It leaves all other files. A file with the name of an artefact and other content is
// an error.
func prepareOutDir(dir string, inputs []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	flagOf := map[string]string{
		filepath.Join(dir, rotatedName(artefactNames["transcript"])): "transcript",
		filepath.Join(dir, report.SummaryName):                       "summary",
	}
	for flag, name := range artefactNames {
		flagOf[filepath.Join(dir, name)] = flag
	}
	paths := slices.Sorted(maps.Keys(flagOf))
	for _, path := range paths { // check all of them before the first is removed
		if err := cmp.Or(checkNotInput(path, inputs), checkArtefact(path, flagOf[path])); err != nil {
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
	for _, f := range a.files {
		f.Close()
	}
}

// event writes an event as a line of JSON, and keeps what the results need of it.
func (a artefacts) event(e engine.Event) {
	e.RunID = a.runID
	a.results.event(e)
	if a.events != nil {
		a.events.Write(eventLine(e))
	}
}

func eventLine(e engine.Event) []byte {
	line, _ := json.Marshal(e) // cannot fail: strings and numbers
	return append(line, '\n')
}

// eventsMark returns the mark for lost events: an event of type note.
func eventsMark(clk clock.Clock, runID string) func(engine.Loss) []byte {
	return func(lost engine.Loss) []byte {
		return eventLine(engine.Event{Time: clk.Now(), Type: engine.EventNote, RunID: runID, Text: describeLoss(lost)})
	}
}

// transcriptMark returns the mark for lost lines of the console: a remark of the transcript.
func transcriptMark(clk clock.Clock) func(engine.Loss) []byte {
	return func(lost engine.Loss) (line []byte) {
		var b bytes.Buffer
		console.NewTranscript(&b).Note(clk.Now(), describeLoss(lost))
		return b.Bytes()
	}
}

// refusalOutputs are the flags of the outputs that a command line that cannot be parsed leaves, too.
var refusalOutputs = []string{"verdict", "out", "junit", "summary"}

// writeRefusal writes the verdict of a command line that could not be parsed, so that the verdict of an earlier
// run is not mistaken for this one's. It finds the flags of the outputs without urfave/cli.
func (env Env) writeRefusal(app *cli.App, r *engine.Report) {
	cmd, words := (*cli.Command)(nil), env.Args[min(2, len(env.Args)):]
	if len(words) > 0 {
		cmd = app.Command(env.Args[1])
	}
	if cmd == nil || !hasFlag(cmd, "verdict") {
		return
	}
	_, stop := env.withSignals(clock.Real{})
	defer stop()
	named, inputs := env.variablesOf(refusalOutputs...), []string(nil)
	for i := 0; i < len(words); i++ {
		name, value, ok := strings.Cut(strings.TrimLeft(words[i], "-"), "=")
		if words[i] == name || !slices.Contains(refusalOutputs, name) {
			inputs = append(inputs, words[i], value)
			continue
		}
		if !ok && i+1 < len(words) {
			i++
			value = words[i]
		}
		named[name] = value
	}
	maps.DeleteFunc(named, func(flag, _ string) bool { return !hasFlag(cmd, flag) })
	r.Mode = modeOf(cmd.Name, false)
	r.EndAt(clock.Real{}.Now())
	var unusable error
	if named["out"] != "" {
		var lock *os.File
		if lock, unusable = claimOutDir(named["out"], inputs); unusable == nil {
			defer lock.Close() // nil is allowed
		}
	}
	if reports, err := openReports(func(flag string) string { return named[flag] }, inputs); err == nil {
		reports.write(clock.Real{}, report.New(r))
	}
	if unusable != nil {
		return
	}
	if named["verdict"] == standardOutput {
		(&verdict{stdout: env.Stdout}).write(clock.Real{}, r)
		return
	}
	if v, err := newVerdict(artefactPath(named["verdict"], named["out"], "verdict"), slices.DeleteFunc(inputs, isStream)...); err == nil {
		v.write(clock.Real{}, r) // the error of the command line is the one to show
	}
}

func hasFlag(cmd *cli.Command, name string) bool {
	return slices.ContainsFunc(cmd.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}
