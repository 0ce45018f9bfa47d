package main

import (
	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/engine"
)

func (env Env) writeCommand() *cli.Command {
	return &cli.Command{
		Name: "write", Usage: "write an image to a medium of this machine: a card in a reader, a USB device, a file", ArgsUsage: " ",
		Description: "Writes the blocks that differ from the image and reads them back. Without --force, a device that is in use or not\n" +
			"removable is refused.\n\n" +
			"  flashlua write --image disk.img.xz --to /dev/sdX",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "image", Usage: "`FILE` to write, or its http:// or https:// address, or -"},
			sha256Flag(),
			maxSizeFlag(),
			formatFlag(),
			noBmapFlag(),
			strictFlag(),
			&cli.StringFlag{Name: "to", Usage: "`PATH` of a block device or file to write"},
			&cli.BoolFlag{DisableDefaultText: true, Name: "force", Usage: "write to a device that is in use or not removable"},
			&cli.BoolFlag{DisableDefaultText: true, Name: "quiet", Aliases: []string{"q"}, Usage: "print only the result"},
			&cli.StringFlag{Name: "verdict", Usage: "write the verdict to `FILE`, or - for standard output, as JSON"},
			&cli.StringFlag{Name: "events", Usage: "write events to `FILE`, or -, while the run goes on, one JSON object per line"},
			resultsFlag(),
		},
		OnUsageError: onUsageError,
		Action:       env.write,
	}
}

func (env Env) write(c *cli.Context) error { return env.withOutputs(c, Env.writeLocal) }

func (env Env) writeLocal(inv *invocation, c *cli.Context, out artefacts) (_ *engine.Report, err error) {
	job := engine.WriteJob{Image: c.String("image"), To: c.String("to"), Force: c.Bool("force")}
	switch {
	case c.NArg() > 0:
		return nil, usageErrorFor("write", "unexpected argument %q", c.Args().First())
	case job.Image == "":
		return nil, usageErrorFor("write", "--image is required")
	case job.To == "":
		return nil, usageErrorFor("write", "--to is required: a block device or a file")
	}
	if job.MaxSize, err = maxSizeOf(c); err != nil {
		return nil, err
	}
	job.NoBlockMap, job.Strict = c.Bool("no-bmap"), c.Bool("strict")
	if job.Format, err = engine.ParseFormat(c.String("format")); err != nil {
		return nil, err
	}
	if text := c.String("sha256"); c.IsSet("sha256") {
		if job.SHA256, err = engine.ParseDigest(text, job.Image); err != nil {
			return nil, err
		}
	}
	level := normal
	if c.Bool("quiet") {
		level = quiet
	}
	cache, err := engine.CacheFromEnv(env.Getenv)
	if err != nil {
		return nil, err
	}
	p := env.newPrinter(inv.clk, level)
	for _, text := range env.describeVariables(c, "", func(string) bool { return true }) {
		p.note(text)
	}
	report := engine.Engine{Clock: p.clk, Cache: cache, Stdin: env.stdin(), RunID: out.runID, Hurry: inv.signalContext.hurry, Events: func(e engine.Event) {
		p.event(e)
		out.event(e)
	}}.Write(inv.Context, job)
	p.end()
	return report, nil
}
