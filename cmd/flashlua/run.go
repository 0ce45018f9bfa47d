package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/transport"
)

// scriptText describes the argument SCRIPT.
func scriptText() string {
	return "SCRIPT is a Lua file or the name of a built-in board: " + strings.Join(bindings.Boards(), ", ") + ".\n\n"
}

func (env Env) runCommand() *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "flash a board, or run a program", ArgsUsage: "SCRIPT [-- ARGUMENT...]",
		Description: scriptText() +
			"  flashlua run boards/mine.lua --image disk.raw --port tcp:ser1:4001 --power none\n" +
			"  flashlua run program.lua -- disk.raw tcp:ser1:4001\n\n" +
			"Exit codes: 0 verified, 1 a bug in flashlua, 2 nothing was touched, 3 fatal, 4 every attempt failed,\n" +
			"5 total deadline, 130 and 143 interrupted.",
		Flags: append(jobFlags("`FILE` to write, or its http:// or https:// address, or -: raw, .gz, .xz, .zst, .bz2, .lz4 or .simg"),
			&cli.GenericFlag{Name: "allow-exec", Value: &repeated{}, Usage: "allow a program to run the command `NAME` on this machine; may be repeated"},
			&cli.GenericFlag{Name: "allow-read", Value: &repeated{}, Usage: "allow a program to read a file, or the directory `DIR` and its content; may be repeated"},
			&cli.GenericFlag{Name: "allow-write", Value: &repeated{}, Usage: "allow a program to read, write and create the file `PATH`, or a directory and its content; may be repeated"}),
		OnUsageError: onUsageError,
		BashComplete: completeBoards,
		Action:       env.runOrVerify,
	}
}

// jobFlags returns the flags of run and verify.
func jobFlags(imageUsage string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "image", Usage: imageUsage},
		&cli.StringFlag{Name: "sha256", Usage: "refuse an image whose SHA-256 is not `VALUE`: hex, or a file written by sha256sum"},
		maxSizeFlag(),
		&cli.GenericFlag{Name: "part", Value: &repeated{}, Usage: "image for a partition of the target, `LABEL:FILE`, instead of --image; may be repeated"},
		&cli.StringFlag{Name: "port", Usage: "console, `SPEC` is one of " + strings.Join(portExamples(), ", ")},
		&cli.StringFlag{Name: "power", Usage: "power driver, `SPEC` is one of " + strings.Join(power.Examples(), ", ")},
		&cli.StringFlag{Name: "target", Usage: "`NAME` of the medium", DefaultText: "the policy's"},
		&cli.StringFlag{Name: "files", Usage: "`DIR` of the policy's boot files"},
		&cli.StringFlag{Name: "tftp-dir", Usage: "use an existing TFTP server that serves `DIR`: boot files are copied there for the duration of the run"},
		&cli.GenericFlag{Name: "set", Value: &repeated{}, Usage: "override a policy key, `KEY=VALUE`, as in linux.timeout=5m; may be repeated"},
		&cli.IntFlag{Name: "retries", Usage: "number of attempts after the first, `N`", DefaultText: "the policy's"},
		&cli.DurationFlag{Name: "timeout", Usage: "total deadline, `D` as in 30m", DefaultText: "the policy's"},
		&cli.BoolFlag{DisableDefaultText: true, Name: "dry-run", Usage: "print the plan and touch nothing: no port, no power"},
		&cli.BoolFlag{DisableDefaultText: true, Name: "verbose", Aliases: []string{"v"}, Usage: "print steps when they begin, and the output of the board"},
		&cli.BoolFlag{DisableDefaultText: true, Name: "quiet", Aliases: []string{"q"}, Usage: "print only the result"},
		&cli.StringFlag{Name: "out", Usage: "write verdict.json, events.jsonl and transcript.log to `DIR`, replacing those of an earlier run"},
		&cli.StringFlag{Name: "verdict", Usage: "write the verdict to `FILE`, as JSON"},
		&cli.StringFlag{Name: "events", Usage: "write events to `FILE` while the run goes on, one JSON object per line"},
		&cli.StringFlag{Name: "transcript", Usage: "record the console in `FILE`"},
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
func (env Env) runOrVerify(c *cli.Context) error { return env.withOutputs(c, Env.runScript) }

// withOutputs opens the artefacts, calls do, and writes the verdict, also after an error.
func (env Env) withOutputs(c *cli.Context, do func(Env, *invocation, *cli.Context, artefacts) (*engine.Report, error)) error {
	inv, end := env.begin(clock.Real{})
	defer end()
	out, err := until(inv, drainTime, func() (artefacts, error) { return openArtefacts(c, inv.clk) })
	defer out.close()
	var report *engine.Report
	if err == nil {
		report, err = do(env, inv, c, out)
	}
	if err != nil {
		report = engine.RefusedReport(err)
		report.Image.Path, report.Mode = engine.MaskAddress(c.String("image")), modeOf(c.Command.Name, c.Bool("dry-run"))
		out.event(engine.Event{Time: inv.clk.Now(), Type: engine.EventEnd, Text: string(report.Result), Error: report.Error, Kind: report.Kind, Rule: report.Rule})
	}
	return env.finish(inv, report, out)
}

// finish writes the verdict, prints the result and returns the exit code.
func (env Env) finish(inv *invocation, report *engine.Report, out artefacts) error {
	inv.wait(out.transcript, out.events)
	env.close(out.transcript, report)
	env.close(out.events, report)
	report.Lost = appendLost(report.Lost, inv.stderr)
	if err := out.verdict.write(inv.clk, report); err != nil {
		lost := engine.RefusedReport(err)
		printChain(env.Stderr, env.colors(env.Stderr), lost) // without a summary: the run has its own
		switch {                                             // a missing verdict is no success
		case report.Result == engine.ResultPlanned:
			report.Exit = lost.Exit
		case report.Exit == engine.ExitVerified:
			report.Exit = engine.ExitFatal
		}
	}
	if report.Err != nil {
		env.printFailure(report)
	}
	inv.wait(inv.stderr) // on a terminal, messages precede the result line
	env.printSuccess(report)
	if report.Exit != 0 {
		return exitCode(report.Exit)
	}
	return nil
}

// printSuccess prints the result line of a successful run. It prints nothing after a failure.
func (env Env) printSuccess(r *engine.Report) {
	switch r.Result {
	case engine.ResultDone:
		rest := ""
		if r.Simulated {
			rest = "; the board was simulated"
		}
		fmt.Fprintf(env.Stdout, "%s %s in %s%s\n", env.colors(env.Stdout).green("done:"), inline(r.Board), r.Duration.Round(100*time.Millisecond), rest)
	case engine.ResultPlanned:
		fmt.Fprintf(env.Stdout, "planned: %s of %s; nothing was touched\n", describeTargets(r), inline(r.Board))
	case engine.ResultVerified:
		rest := ""
		if r.Mode == engine.ModeVerify {
			rest = "; flashlua wrote nothing"
		}
		if r.Simulated {
			rest += "; the board was simulated"
		}
		if r.Mode == engine.ModeWrite {
			fmt.Fprintf(env.Stdout, "%s %s on %s in %s\n", env.colors(env.Stdout).green("verified:"), inline(r.Image.Path), inline(r.Target.Device), r.Duration.Round(100*time.Millisecond))
			return
		}
		fmt.Fprintf(env.Stdout, "%s %s of %s in %s, attempt %d%s\n", env.colors(env.Stdout).green("verified:"), describeTargets(r), inline(r.Board), r.Duration.Round(100*time.Millisecond), r.Attempt, rest)
	}
}

// describeTargets names the images and their media.
func describeTargets(r *engine.Report) string {
	on := func(image, name, device string) string {
		if device != "" {
			name += " (" + device + ")"
		}
		return inline(image) + " on " + inline(name)
	}
	if len(r.Parts) == 0 {
		return on(r.Image.Path, r.Target.Name, r.Target.Device)
	}
	var all []string
	for _, p := range r.Parts {
		all = append(all, on(p.Image.Path, p.Label, p.Target.Device))
	}
	return strings.Join(all, ", ")
}

// runScript runs the job that the flags describe. An error means that no job could be made of the flags.
func (env Env) runScript(inv *invocation, c *cli.Context, out artefacts) (*engine.Report, error) {
	if c.NArg() == 0 {
		return nil, usageError("SCRIPT is required: flashlua %s SCRIPT", c.Command.Name)
	}
	set, err := parseSet(c.Generic("set").(*repeated))
	if err != nil {
		return nil, err
	}
	level, err := levelOf(c)
	if err != nil {
		return nil, err
	}
	if err := checkFlags(c); err != nil {
		return nil, err
	}
	p := env.newPrinter(inv.clk, level)
	defer p.end()
	o := bindings.Options{Set: set, Log: p.note}
	if allow, ok := c.Generic("allow-exec").(*repeated); ok {
		o.Allow = *allow
	}
	script, err := until(inv, 0, func() (*bindings.Script, error) { return bindings.Inspect(c.Args().First(), o) })
	if err != nil {
		return nil, err
	}
	cache, err := engine.CacheFromEnv(env.Getenv)
	if err != nil {
		return nil, err
	}
	e := engine.Engine{Clock: p.clk, Cache: cache, Stdin: env.stdin(), Console: recorder(p, out), Hurry: inv.signalContext.hurry, Events: func(e engine.Event) {
		p.event(e)
		out.event(e)
	}}
	do := env.runBoard
	if script.Program != nil {
		do = env.runProgram
	}
	report, err := do(inv, c, e, script)
	if err != nil {
		return nil, err
	}
	p.end()
	if e.Console != nil {
		e.Console.Close() // the sink keeps the same error
	}
	return report, nil
}

// runBoard flashes or verifies a board with its policy.
func (env Env) runBoard(inv *invocation, c *cli.Context, e engine.Engine, script *bindings.Script) (*engine.Report, error) {
	for _, name := range onlyForPrograms {
		if c.IsSet(name) {
			return nil, usageError("%s is a board's policy: --%s is for programs", script.File, name)
		}
	}
	job, err := jobOf(c)
	if err != nil {
		return nil, err
	}
	return e.Run(inv.Context, script.Policy, job), nil
}

// programFlags are the flags that may be given to a program.
var programFlags = append([]string{"timeout", "verbose", "v", "quiet", "q", "out", "verdict", "events", "transcript"}, onlyForPrograms...)

// onlyForPrograms are the flags that a board's policy does not take.
var onlyForPrograms = []string{"allow-exec", "allow-read", "allow-write"}

// runProgram runs a program with the arguments after the script.
func (env Env) runProgram(inv *invocation, c *cli.Context, e engine.Engine, script *bindings.Script) (*engine.Report, error) {
	if c.Command.Name != "run" {
		return nil, usageError("%s is a program: use flashlua run", script.File)
	}
	for _, name := range c.FlagNames() {
		if !slices.Contains(programFlags, name) && c.IsSet(name) {
			return nil, usageError("%s is a program: --%s is for boards, a program takes its arguments after --", script.File, name)
		}
	}
	access := engine.Access{Read: *c.Generic("allow-read").(*repeated), Write: *c.Generic("allow-write").(*repeated)}
	job := engine.ProgramJob{Timeout: c.Duration("timeout"), Access: access}
	return script.Program.Run(inv.Context, e, job, c.Args().Tail()...), nil
}

// checkFlags refuses values that are out of range for every script.
func checkFlags(c *cli.Context) error {
	switch {
	case c.IsSet("timeout") && c.Duration("timeout") <= 0:
		return usageError("--timeout must be more than 0")
	case c.IsSet("retries") && c.Int("retries") < 0:
		return usageError("--retries must be 0 or more")
	}
	return nil
}

// recorder returns the transcript that writes the console to the printer (with --verbose) and to the transcript
// file, nil without either. The printer is first because it never fails.
func recorder(p *printer, out artefacts) *console.Transcript {
	var sinks []io.Writer
	if p.level == verbose {
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

func levelOf(c *cli.Context) (level, error) {
	switch v, q := c.Bool("verbose"), c.Bool("quiet"); {
	case v && q:
		return normal, usageError("--verbose and --quiet exclude each other")
	case v:
		return verbose, nil
	case q:
		return quiet, nil
	}
	return normal, nil
}

// jobOf reads the flags of run and verify, and refuses missing and conflicting ones.
func jobOf(c *cli.Context) (engine.Job, error) {
	j := engine.Job{
		Image: c.String("image"), Port: c.String("port"), Power: c.String("power"), Target: c.String("target"),
		FilesDir: c.String("files"), TFTPDir: c.String("tftp-dir"), Timeout: c.Duration("timeout"), DryRun: c.Bool("dry-run"), VerifyOnly: c.Command.Name == "verify",
	}
	var err error
	if j.Parts, err = partsOf(c); err == nil {
		j.MaxSize, err = maxSizeOf(c)
	}
	if err != nil {
		return j, err
	}
	switch {
	case c.NArg() > 1:
		return j, usageError("unexpected argument %q", engine.MaskAddress(c.Args().Get(1)))
	case j.Image == "" && len(j.Parts) == 0:
		return j, usageError("--image is required")
	case j.Image != "" && len(j.Parts) > 0:
		return j, usageError("--image and --part exclude each other: one is for the whole target, the other for partitions of it")
	case len(j.Parts) > 0 && c.IsSet("sha256"):
		return j, usageError("--sha256 needs --image: with --part there is more than one image")
	case j.Port == "":
		return j, classify.WithHint(classify.New(classify.Usage, "--port is required: the board's console"), "use one of %s", strings.Join(portExamples(), ", "))
	case !engine.IsSimulated(j.Port) && transport.Check(j.Port) != nil:
		return j, transport.Check(j.Port)
	case engine.IsSimulated(j.Port) && j.Power != "":
		return j, usageError("--power %s: a simulated board has its own power", j.Power)
	case !engine.IsSimulated(j.Port) && j.Power == "":
		return j, classify.WithHint(classify.New(classify.Usage, "--power is required: the power driver"),
			"use one of %s; with none you reset the board by hand", strings.Join(power.Examples(), ", "))
	}
	if text := c.String("sha256"); c.IsSet("sha256") {
		if j.SHA256, err = engine.ParseDigest(text, j.Image); err != nil {
			return j, err
		}
	}
	if c.IsSet("retries") {
		n := c.Int("retries")
		j.Retries = &n
	}
	return j, nil
}

// partsOf reads the values of --part, LABEL:FILE.
func partsOf(c *cli.Context) (parts []engine.Part, err error) {
	seen := map[string]bool{}
	for _, text := range *c.Generic("part").(*repeated) {
		label, file, ok := strings.Cut(text, ":")
		switch {
		case !ok || label == "" || file == "":
			return nil, usageError("--part %s: write LABEL:FILE, as in --part rootfs:rootfs.img", engine.MaskAddress(text))
		case seen[label]:
			return nil, usageError("--part %s: label given twice", label)
		}
		seen[label] = true
		parts = append(parts, engine.Part{Label: label, Image: file})
	}
	return parts, nil
}

// portExamples returns an example of every kind of port.
func portExamples() []string { return append(transport.Examples(), "sim:") }

// repeated holds the values of a flag that may be repeated, unchanged: urfave/cli's own slice flag trims blanks.
type repeated []string

func (p *repeated) Set(value string) error {
	*p = append(*p, value)
	return nil
}

func (p *repeated) String() string { return strings.Join(*p, " ") }

// parseSet reads the values of --set, KEY=VALUE.
func parseSet(given *repeated) (map[string]string, error) {
	set := map[string]string{}
	for _, p := range *given {
		k, v, ok := strings.Cut(p, "=")
		if _, twice := set[k]; !ok || k == "" || twice {
			return nil, usageError("--set %s: write KEY=VALUE, each key once", k) // the value may be a password
		}
		set[k] = v
	}
	return set, nil
}
