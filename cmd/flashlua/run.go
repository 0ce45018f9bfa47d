package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/image"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/transport"
)

func (env Env) runCommand() *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "flash a board", ArgsUsage: "SCRIPT",
		Description: "SCRIPT is a Lua file or the name of a board that comes with flashlua: " + strings.Join(bindings.Boards(), ", ") + ".\n\n" +
			"  flashlua run boards/mine.lua --image disk.raw --port tcp:ser1:4001 --power none\n\n" +
			"Exit codes: 0 verified, 1 a bug in flashlua, 2 nothing was touched, 3 fatal, 4 every attempt failed,\n" +
			"5 total deadline, 130 and 143 interrupted.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "image", Usage: "`FILE` to write: raw, .gz, .xz or .zst"},
			&cli.StringFlag{Name: "sha256", Usage: "refuse an image whose digest is not `VALUE`, hex or a file as sha256sum writes it"},
			&cli.StringFlag{Name: "port", Usage: "console, `SPEC` is one of " + strings.Join(transport.Examples(), ", ")},
			&cli.StringFlag{Name: "power", Usage: "power driver, `SPEC` is one of " + strings.Join(power.Examples(), ", ")},
			&cli.StringFlag{Name: "target", Usage: "`NAME` of the medium", DefaultText: "the policy's"},
			&cli.StringFlag{Name: "files", Usage: "`DIR` where the policy's boot files are"},
			&cli.StringSliceFlag{Name: "set", Usage: "set a policy key, `KEY=VALUE`, as in --set linux.timeout=5m; may be repeated"},
			&cli.IntFlag{Name: "retries", Usage: "attempts after the first, `N`", DefaultText: "the policy's"},
			&cli.DurationFlag{Name: "timeout", Usage: "total time, `D` as in 30m", DefaultText: "the policy's"},
			&cli.StringFlag{Name: "verdict", Usage: "write what came of the run to `FILE`, as JSON"},
			&cli.StringFlag{Name: "transcript", Usage: "record the console in `FILE`"},
		},
		OnUsageError: onUsageError,
		Action:       env.flash,
	}
}

// flash is the command run.
func (env Env) flash(c *cli.Context) error {
	inputs := []string{c.Args().First(), c.String("image")}
	v, err := newVerdict(c.String("verdict"), append(inputs, c.String("transcript"))...)
	if err != nil {
		return err
	}
	report, err := env.attempt(c)
	if err != nil {
		report = engine.Refused(err)
		report.Image.Path = c.String("image")
	}
	if err := v.write(report); err != nil {
		printFailure(env.Stderr, engine.Refused(err))
		if report.Exit == engine.ExitVerified {
			report.Exit = engine.ExitFatal // whoever acts on the verdict has none
		}
	}
	if report.Err != nil {
		printFailure(env.Stderr, report)
	}
	if report.Result == engine.Verified {
		fmt.Fprintf(env.Stdout, "verified: %s on %s (%s) of %s in %s, attempt %d\n", report.Image.Path, report.Target.Name,
			report.Target.Device, report.Board, report.Duration.Round(100*time.Millisecond), report.Attempt)
	}
	if report.Exit != 0 {
		return exit(report.Exit)
	}
	return nil
}

// attempt runs the job that the flags describe. An error means that it could not even be planned.
func (env Env) attempt(c *cli.Context) (*engine.Report, error) {
	job, err := jobOf(c)
	if err != nil {
		return nil, err
	}
	set, err := settings(c.StringSlice("set"))
	if err != nil {
		return nil, err
	}
	p := newPrinter(env.Stderr)
	policy, err := bindings.Load(c.Args().First(), bindings.Options{Set: set, Log: p.note})
	if err != nil {
		return nil, err
	}
	e := engine.Engine{Clock: clock.Real{}, Events: p.event}
	if path := c.String("transcript"); path != "" {
		f, err := create(path, c.Args().First(), job.Image)
		if err != nil {
			return nil, classify.Wrap(err, classify.Usage, "--transcript %s cannot be written", path)
		}
		defer f.Close()
		e.Console = console.NewTranscript(f)
	}
	ctx, stop := env.untilSignal()
	defer stop()
	report := e.Run(ctx, policy, job)
	if e.Console != nil {
		if err := e.Console.Close(); err != nil {
			p.note("the transcript is incomplete: " + err.Error())
		}
	}
	return report, nil
}

// jobOf reads the flags. What must be named is named.
func jobOf(c *cli.Context) (engine.Job, error) {
	j := engine.Job{
		Image: c.String("image"), Port: c.String("port"), Power: c.String("power"), Target: c.String("target"),
		FilesDir: c.String("files"), Timeout: c.Duration("timeout"),
	}
	switch {
	case c.NArg() == 0:
		return j, usage("name the script: flashlua run SCRIPT")
	case c.NArg() > 1:
		return j, usage("%q is one argument too many", c.Args().Get(1))
	case j.Image == "":
		return j, usage("--image is missing: name the file to write")
	case j.Port == "":
		return j, classify.WithHint(classify.New(classify.Usage, "--port is missing: name the board's console"), "it is one of %s", strings.Join(transport.Examples(), ", "))
	case j.Power == "":
		return j, classify.WithHint(classify.New(classify.Usage, "--power is missing: name the power driver"),
			"it is one of %s; none means that you reset the board by hand", strings.Join(power.Examples(), ", "))
	case c.IsSet("timeout") && j.Timeout <= 0:
		return j, usage("--timeout must be more than 0")
	}
	if text := c.String("sha256"); c.IsSet("sha256") {
		var err error
		if j.SHA256, err = image.Expected(text, j.Image); err != nil {
			return j, err
		}
	}
	if c.IsSet("retries") {
		n := c.Int("retries")
		if n < 0 {
			return j, usage("--retries must be 0 or more")
		}
		j.Retries = &n
	}
	return j, nil
}

// settings reads KEY=VALUE pairs.
func settings(pairs []string) (map[string]string, error) {
	set := map[string]string{}
	for _, p := range pairs {
		k, v, ok := strings.Cut(p, "=")
		if _, twice := set[k]; !ok || k == "" || twice {
			return nil, usage("--set %s: write KEY=VALUE, each key once", p)
		}
		set[k] = v
	}
	return set, nil
}
