package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/visible"
)

// scriptText describes the argument SCRIPT.
func scriptText() string {
	return "SCRIPT is a Lua file or the name of a built-in board: " + strings.Join(bindings.Boards(), ", ") + ".\n\n"
}

// stationText describes the argument STATION.
const stationText = "STATION is a board of the lab file, with its console, power and policy; flags replace what it has.\n\n"

func (env Env) runCommand() *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "flash a board, or run a program", ArgsUsage: "SCRIPT|STATION [-- ARGUMENT...]",
		Description: scriptText() + stationText +
			"  flashlua run boards/mine.lua --image disk.raw --port tcp:ser1:4001 --power none\n" +
			"  flashlua run program.lua -- disk.raw tcp:ser1:4001\n" +
			"  flashlua run bench-7 --image disk.raw\n\n" +
			"Exit codes: 0 verified, 1 a bug in flashlua, 2 nothing was touched, 3 fatal, 4 every attempt failed,\n" +
			"5 total deadline, 6 verified but an output could not be written, 75 nothing was touched and a later\n" +
			"try may work, 130 and 143 interrupted.",
		Flags: append(jobFlags("`FILE` to write, or its http:// or https:// address, or -: raw, .gz, .xz, .zst, .bz2, .lz4 or .simg"),
			&cli.BoolFlag{DisableDefaultText: true, Name: "no-check", Usage: "skip the policy's check of the new system"},
			&cli.GenericFlag{Name: "allow-read", Value: &repeated{}, Usage: "allow a program to read a file, or the directory `DIR` and its content; may be repeated"},
			&cli.GenericFlag{Name: "allow-write", Value: &repeated{}, Usage: "allow a program to read, write and create the file `PATH`, or a directory and its content; may be repeated"}),
		OnUsageError: onUsageError,
		BashComplete: env.completeScripts,
		Action:       env.runOrVerify,
	}
}

// modeOf returns the verdict's mode of a command.
func modeOf(command string, dry bool) engine.Mode {
	if command == "write" {
		return engine.ModeWrite
	}
	return engine.Job{VerifyOnly: command == "verify", DryRun: dry}.Mode()
}

// runOrVerify runs the commands run and verify.
func (env Env) runOrVerify(c *cli.Context) error {
	if isGiven(c, "on-binary") && !c.IsSet("on") {
		return usageError("--on-binary is for --on")
	}
	many, err := env.chooseStations(c)
	if err == nil && many == nil {
		env.useLabDefaults(c)
	}
	if err == nil && c.IsSet("on") && many == nil {
		return env.runOn(c)
	}
	if err != nil || many == nil {
		return env.withOutputs(c, func(env Env, inv *invocation, c *cli.Context, out artefacts) (*engine.Report, error) {
			if err != nil {
				return nil, err
			}
			return env.runScript(inv, c, out)
		})
	}
	if !c.Bool("quiet") {
		for _, text := range many.printed {
			fmt.Fprintln(env.Stderr, visible.Text(text))
		}
		for _, text := range env.describeVariables(c, "each station", func(string) bool { return true }) {
			fmt.Fprintln(env.Stderr, visible.Text(text))
		}
	}
	return env.runMany(c, many.stations, many.jobOf)
}

// withOutputs opens the artefacts, calls do, and writes the verdict, also after an error.
func (env Env) withOutputs(c *cli.Context, do func(Env, *invocation, *cli.Context, artefacts) (*engine.Report, error)) error {
	inv, end := env.begin(clock.Real{})
	defer end()
	out, err := until(inv, drainTime, func() (artefacts, error) { return env.openArtefacts(c, inv.clk) })
	defer out.close()
	env = env.apart(out)
	var report *engine.Report
	if err == nil {
		report, err = do(env, inv, c, out)
	}
	if err != nil {
		report = refusal(c, inv.clk, out, err)
	}
	return env.finish(inv, report, out)
}

// refusal returns the report of a run that could not begin because of err, and writes its event.
func refusal(c *cli.Context, clk clock.Clock, out artefacts, err error) *engine.Report {
	report := engine.RefusedReport(nameOrigins(c, err))
	report.Image.Path, report.Mode = engine.MaskAddress(c.String("image")), modeOf(c.Command.Name, c.Bool("dry-run"))
	out.event(report.EndEvent(clk.Now()))
	return report
}

// runScript runs the job that the flags describe. An error means that no job could be made of the flags.
func (env Env) runScript(inv *invocation, c *cli.Context, out artefacts) (*engine.Report, error) {
	level, err := levelOf(c)
	if err != nil {
		return nil, err
	}
	p := env.newPrinter(inv.clk, level)
	defer p.end()
	s, err := env.loadScript(inv, c, out, p.note, p.note)
	if err != nil {
		return nil, err
	}
	c, script, station := s.cli, s.script, s.station
	for _, text := range env.describeVariables(c, s.stationName(), s.takes) {
		p.note(text)
	}
	if c.Bool("dry-run") {
		if err := checkPlan(s.spec, s.options, p.note); err != nil {
			return nil, err
		}
	}
	cache, err := engine.CacheFromEnv(env.Getenv)
	if err != nil {
		return nil, err
	}
	e := engine.Engine{Clock: p.clk, Cache: cache, Stdin: env.stdin(), RunID: out.runID, Console: recorder(p, p.level, out), Hurry: inv.signalContext.hurry, Hold: env.holdFor(c, p.clk), Events: func(e engine.Event) {
		p.event(e)
		out.event(e)
	}}
	var report *engine.Report
	if script.Program != nil {
		report, err = env.runProgram(inv, c, e, script)
	} else {
		report, err = env.runBoard(inv, c, e, script, station)
	}
	if err != nil {
		return nil, err
	}
	p.end()
	if p.level > quiet {
		printRuns(env.Stderr, report.Runs)
	}
	if e.Console != nil {
		e.Console.Close() // the sink keeps the same error
	}
	return report, nil
}

// loadScript loads the script that the command line, or its station, names. note is called with what flashlua says, and
// print with what the script and the lab file print.
func (env Env) loadScript(inv *invocation, c *cli.Context, out artefacts, note, print func(string)) (s loadedScript, err error) {
	if name := isForMany(c); name != "" {
		return s, usageError("--%s is for several stations of a lab, and not for a script", name)
	}
	if c.NArg() == 0 {
		return s, usageError("SCRIPT is required: flashlua %s SCRIPT", c.Command.Name)
	}
	s.cli, s.spec = c, c.Args().First()
	if s.station, err = until(inv, 0, func() (*chosen, error) { return env.stationOf(c, s.spec, note) }); err != nil {
		return s, err
	}
	if s.station != nil {
		if c.NArg() > 1 {
			return s, usageError("unexpected argument %q", engine.MaskAddress(c.Args().Get(1)))
		}
		if s.cli, err = until(inv, 0, func() (*cli.Context, error) { return env.use(c, s.station) }); err != nil {
			return s, err
		}
		s.spec = s.station.Board
		out.results.setStation(s.station.Name)
		note(s.station.describe())
	}
	set, err := parseSet(s.cli.Generic("set").(*repeated))
	if err != nil {
		return s, err
	}
	if err := checkFlags(s.cli); err != nil {
		return s, err
	}
	if err := checkVariant(s.cli); err != nil {
		return s, err
	}
	s.options = bindings.Options{Set: set, Variant: s.cli.String("variant"), Secret: env.readSecret, Log: print}
	s.options.Allow = *s.cli.Generic("allow-exec").(*repeated)
	s.script, err = until(inv, 0, func() (*bindings.Script, error) { return bindings.Inspect(s.spec, s.options) })
	return s, err
}

// planRules are the rules of flashlua check that the plan of a run is held to, too.
var planRules = []string{"deadlines", "not-a-medium", "ram-overlap"}

// checkPlan checks the script of a dry run. It returns an error for the findings that end a run when their lines are
// executed, and prints the others.
func checkPlan(spec string, o bindings.Options, note func(string)) error {
	o.Log = nil // the script has printed when it was loaded
	found, err := bindings.Check(spec, o)
	if err != nil {
		return err
	}
	var all []error
	for _, f := range found {
		if f.Raises() {
			all = append(all, classify.New(classify.ConfigPolicy, "%s", f))
		} else if !slices.Contains(planRules, f.Rule) {
			note(f.String())
		}
	}
	return errors.Join(all...)
}

// runBoard flashes or verifies a board with its policy. station is nil if the command line names none.
func (env Env) runBoard(inv *invocation, c *cli.Context, e engine.Engine, script *bindings.Script, station *chosen) (*engine.Report, error) {
	for _, name := range onlyForPrograms {
		if isGiven(c, name) {
			return nil, usageError("%s is a board's policy: --%s is for programs", script.File, name)
		}
	}
	job, err := jobOf(c)
	if err != nil {
		return nil, err
	}
	if err := env.readArguments(c, &job); err != nil {
		return nil, err
	}
	if station != nil {
		job.Station = station.Name
	}
	if env.remote != nil {
		job.Station = env.remote.request.Station
	}
	if c.IsSet("place") {
		return env.runAtPlace(inv, e, script.Policy, job, placeOf(c))
	}
	return e.Run(inv.Context, script.Policy, job), nil
}

// runProgram runs a program with the arguments after the script.
func (env Env) runProgram(inv *invocation, c *cli.Context, e engine.Engine, script *bindings.Script) (*engine.Report, error) {
	if c.Command.Name != "run" {
		return nil, usageError("%s is a program: use flashlua run", script.File)
	}
	for _, name := range c.FlagNames() {
		if !slices.Contains(programFlags, name) && isGiven(c, name) {
			return nil, usageError("%s is a program: --%s is for boards, a program takes its arguments after --", script.File, name)
		}
	}
	access := engine.Access{Read: *c.Generic("allow-read").(*repeated), Write: *c.Generic("allow-write").(*repeated)}
	job := engine.ProgramJob{Timeout: c.Duration("timeout"), Access: access}
	return script.Program.Run(inv.Context, e, job, c.Args().Tail()...), nil
}

// recorder returns the transcript that writes the console to the printer (with --verbose) and to the transcript
// file, nil without either. The printer is first because it never fails.
func recorder(p io.Writer, level level, out artefacts) *console.Transcript {
	var sinks []io.Writer
	if level == verbose {
		sinks = append(sinks, p)
	}
	if out.transcript != nil {
		sinks = append(sinks, out.transcript)
	}
	if len(sinks) == 0 {
		return nil
	}
	return console.NewTranscript(io.MultiWriter(sinks...))
}
