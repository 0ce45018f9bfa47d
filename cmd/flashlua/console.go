package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/power"
)

func (env Env) consoleCommand() *cli.Command {
	return &cli.Command{
		Name: "console", Usage: "connect the terminal to a board's console",
		Description: "Ctrl-] quits, and Ctrl-^ ? lists the other keys. --at first brings the board to the U-Boot prompt, or to a shell of the Linux that the policy boots, and\n" +
			"leaves the power on. Without a terminal, the standard input is sent line by line, and the console closes when the\n" +
			"board has been silent for a second after the last line.\n\n" +
			"  flashlua console --port serial:/dev/ttyUSB0 --set console.baud=9600\n" +
			"  flashlua console --port tcp:ser1:4001 --at uboot --board boards/mine.lua --power \"command:pdu -port 3 {}\"\n" +
			"  echo printenv | flashlua console --port tcp:ser1:4001 >env.txt\n\n" +
			"Exit codes: 0 you quit, 1 a bug in flashlua, 2 nothing was touched, 3 fatal, 4 the board did not reach the state or\n" +
			"the console was lost, 130 and 143 interrupted.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "port", Usage: "console, `SPEC` is one of " + strings.Join(portExamples(), ", ")},
			&cli.StringFlag{Name: "at", Usage: "bring the board to `PLACE` first: uboot or linux"},
			&cli.StringFlag{Name: "board", Usage: "policy of the board, `SCRIPT` is a Lua file or a name; needed for --at"},
			variantFlag(),
			&cli.StringFlag{Name: "power", Usage: "with --at: power driver, `SPEC` is one of " + strings.Join(power.Examples(), ", "), Value: "none"},
			&cli.StringFlag{Name: "files", Usage: "with --at linux: `DIR` of the policy's boot files"},
			&cli.GenericFlag{Name: "file", Value: &repeated{}, Usage: "with --at linux: use another file for one of the boot files, `NAME=PATH`; may be repeated"},
			&cli.GenericFlag{Name: "set", Value: &repeated{}, Usage: "override a policy key, `KEY=VALUE`; may be repeated"},
			&cli.StringFlag{Name: "transcript", Usage: "record the output of the board in `FILE`"},
			&cli.BoolFlag{DisableDefaultText: true, Name: "log-input", Usage: "with --transcript: record also what is typed, with the passwords in it"},
		},
		OnUsageError: onUsageError,
		Action:       env.console,
	}
}

// console runs the command console.
func (env Env) console(c *cli.Context) error {
	job, to, err := consoleJob(c)
	if err != nil {
		return err
	}
	inv, end := env.begin(clock.Real{})
	defer end()
	p := env.newPrinter(inv.clk, normal)
	defer p.end()
	policy, err := until(inv, 0, func() (*engine.Policy, error) { return env.loadBoard(c, p) })
	if err != nil {
		return err
	}
	e := engine.Engine{Clock: inv.clk, Events: p.event, Hurry: inv.signalContext.hurry, Hold: env.holdFor(c, inv.clk)}
	var transcript *sink
	if path := c.String("transcript"); path != "" {
		f, err := newRotatingFile(path, c.String("board"))
		if err != nil {
			return classify.Wrap(err, classify.OutputOpen, "--transcript %s cannot be written", path)
		}
		defer f.Close()
		transcript = newSink("transcript", f, transcriptMark(inv.clk))
		e.Console = console.NewTranscript(transcript)
	}
	report := e.Interactive(inv.Context, policy, job, to, func(ctx context.Context, con *console.Console) error {
		p.end()
		return env.interact(ctx, inv, con, interactOptions{job.Port, to != engine.BoardAsIs, c.Bool("log-input")})
	})
	if e.Console != nil {
		e.Console.Close() // the sink keeps the same error
		inv.wait(transcript)
		env.close(transcript, report)
	}
	if report.Err != nil {
		p.end()
		env.printFailure(report)
	}
	switch {
	case to == engine.BoardAsIs || report.Attempt == 0 || engine.IsSimulated(job.Port): // the simulated board ended with the command
	case report.Err == nil:
		fmt.Fprintln(env.Stderr, "the board is left on")
	default:
		fmt.Fprintln(env.Stderr, "the board's power is left as it is")
	}
	if report.Exit != 0 {
		return exitCode(report.Exit)
	}
	return nil
}

// consoleJob reads the flags. It refuses a flag that would have no effect.
func consoleJob(c *cli.Context) (engine.Job, engine.BoardState, error) {
	j := engine.Job{Port: c.String("port"), Power: c.String("power"), FilesDir: c.String("files")}
	to := engine.BoardState(c.String("at"))
	if !c.IsSet("at") && !isGiven(c, "power") { // FLASHLUA_POWER is for runs
		j.Power = "none"
	}
	var err error
	if j.Files, err = filesOf(c); err != nil {
		return j, to, err
	}
	switch {
	case c.String("transcript") == standardOutput:
		err = usageErrorFor("console", "--transcript - is not possible: the standard output is the console")
	case c.Bool("log-input") && !c.IsSet("transcript"):
		err = usageErrorFor("console", "--log-input needs --transcript: what is typed is recorded there")
	case c.NArg() > 0:
		err = usageErrorFor("console", "unexpected argument %q", c.Args().First())
	case j.Port == "":
		err = classify.WithHint(classify.New(classify.Usage, "--port is required: the board's console"), "use one of %s", strings.Join(portExamples(), ", "))
	case c.IsSet("at") && to != engine.BoardUBoot && to != engine.BoardLinux:
		err = usageErrorFor("console", "--at must be uboot or linux, not %q", string(to))
	case c.IsSet("at") && !c.IsSet("board"):
		err = usageErrorFor("console", "--at needs --board: the policy describes how to get there")
	case isGiven(c, "power") && !c.IsSet("at"):
		err = usageErrorFor("console", "--power needs --at: without it the power is not switched")
	case isGiven(c, "file") && to != engine.BoardLinux:
		err = usageErrorFor("console", "--file needs --at linux: boot files are loaded only then")
	case isGiven(c, "files") && to != engine.BoardLinux:
		err = usageErrorFor("console", "--files needs --at linux: boot files are loaded only then")
	}
	return j, to, err
}

// loadBoard loads the policy that --board names, or the default policy without --board.
func (env Env) loadBoard(c *cli.Context, p *printer) (*engine.Policy, error) {
	set, err := parseSet(c.Generic("set").(*repeated))
	if err != nil {
		return nil, err
	}
	switch err := checkVariant(c); {
	case err != nil:
		return nil, err
	case isGiven(c, "variant") && !c.IsSet("board"):
		return nil, usageErrorFor("console", "--variant needs --board: it is a variant of a policy")
	}
	o := bindings.Options{Set: set, Secret: env.readSecret, Log: p.note}
	if c.IsSet("board") {
		o.Variant = c.String("variant")
		return bindings.Load(c.String("board"), o)
	}
	return bindings.DefaultPolicy(o)
}
