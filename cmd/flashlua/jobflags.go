package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/transport"
)

// jobFlags returns the flags of run and verify.
func jobFlags(imageUsage string) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "image", Usage: imageUsage},
		labFlag(),
		sha256Flag(),
		maxSizeFlag(),
		formatFlag(),
		noBmapFlag(),
		strictFlag(),
		&cli.GenericFlag{Name: "part", Value: &repeated{}, Usage: "image for a partition of the target, `LABEL:FILE`, instead of --image; may be repeated"},
		&cli.StringFlag{Name: "port", Usage: "console, `SPEC` is one of " + strings.Join(portExamples(), ", ")},
		&cli.StringFlag{Name: "power", Usage: "power driver, `SPEC` is one of " + strings.Join(power.Examples(), ", ")},
		placeFlag(),
		&cli.GenericFlag{Name: "console", Value: &repeated{}, Usage: "another console of the policy, `NAME=PORT`; may be repeated"},
		&cli.GenericFlag{Name: "output", Value: &repeated{}, Usage: "output of the policy, `NAME=SPEC`, where SPEC is a power driver that takes on and off; may be repeated"},
		&cli.StringFlag{Name: "target", Usage: "`NAME` of the medium", DefaultText: "the policy's"},
		variantFlag(),
		&cli.StringFlag{Name: "files", Usage: "`DIR` of the policy's boot files"},
		&cli.GenericFlag{Name: "file", Value: &repeated{}, Usage: "use another file for one of the policy's boot files, `NAME=PATH`; may be repeated"},
		&cli.StringFlag{Name: "tftp-dir", Usage: "use an existing TFTP server that serves `DIR`: boot files are copied there for the duration of the run"},
		&cli.GenericFlag{Name: "set", Value: &repeated{}, Usage: "override a policy key, `KEY=VALUE`, as in linux.timeout=5m; may be repeated"},
		&cli.GenericFlag{Name: "arg", Value: &repeated{}, Usage: "argument of the policy, `NAME=VALUE`, as flashlua boards show lists them; may be repeated"},
		&cli.GenericFlag{Name: "allow-exec", Value: &repeated{}, Usage: "allow the script to run the command `NAME` on this machine; may be repeated"},
		&cli.IntFlag{Name: "retries", Usage: "number of attempts after the first, `N`", DefaultText: "the policy's"},
		waitFlag(),
		&cli.DurationFlag{Name: "timeout", Usage: "total deadline, `D` as in 30m", DefaultText: "the policy's"},
		&cli.BoolFlag{DisableDefaultText: true, Name: "dry-run", Usage: "print the plan and touch nothing: no port, no power"},
		&cli.BoolFlag{DisableDefaultText: true, Name: "verbose", Aliases: []string{"v"}, Usage: "print steps when they begin, and the output of the board"},
		&cli.BoolFlag{DisableDefaultText: true, Name: "quiet", Aliases: []string{"q"}, Usage: "print only the result"},
		&cli.StringFlag{Name: "out", Usage: "write verdict.json, events.jsonl and transcript.log to `DIR`, replacing those of an earlier run"},
		&cli.StringFlag{Name: "verdict", Usage: "write the verdict to `FILE`, or - for standard output, as JSON"},
		&cli.StringFlag{Name: "events", Usage: "write events to `FILE`, or -, while the run goes on, one JSON object per line"},
		&cli.StringFlag{Name: "transcript", Usage: "record the console in `FILE`, or -"},
		resultsFlag(),
	}, slices.Concat(reportFlags(), onFlags(), manyFlags())...)
}

// programFlags are the flags that may be given to a program.
var programFlags = append([]string{"allow-exec", "wait", "timeout", "verbose", "v", "quiet", "q", "out", "verdict", "events", "transcript", "results", "junit", "summary"}, onlyForPrograms...)

// onlyForPrograms are the flags that a board's policy does not take.
var onlyForPrograms = []string{"allow-read", "allow-write"}

// checkFlags refuses values that are out of range for every script.
func checkFlags(c *cli.Context) error {
	switch {
	case c.IsSet("timeout") && c.Duration("timeout") <= 0:
		return usageError("--timeout must be more than 0")
	case c.IsSet("wait") && c.Duration("wait") < 0:
		return usageError("--wait must be 0 or more")
	case c.IsSet("retries") && c.Int("retries") < 0:
		return usageError("--retries must be 0 or more")
	}
	return nil
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
	if j.Files, err = filesOf(c); err != nil {
		return j, err
	}
	j.NoBlockMap, j.Strict, j.NoCheck = c.Bool("no-bmap"), c.Bool("strict"), c.Bool("no-check")
	if j.Parts, err = partsOf(c); err == nil {
		j.MaxSize, err = maxSizeOf(c)
	}
	if err == nil {
		j.Format, err = engine.ParseFormat(c.String("format"))
	}
	if err == nil {
		j.Consoles, err = parsePairs("--console", "NAME", c.Generic("console").(*repeated))
	}
	if err == nil {
		j.Outputs, err = parsePairs("--output", "NAME", c.Generic("output").(*repeated))
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
	case c.IsSet("place"): // which has console and power, see runAtPlace
		if err := checkAtPlace(j); err != nil {
			return j, err
		}
	case j.Port == "":
		return j, classify.WithHint(classify.New(classify.Usage, "--port is required: the board's console"), "use one of %s", strings.Join(portExamples(), ", "))
	case !engine.IsSimulated(j.Port) && transport.Check(j.Port) != nil:
		return j, transport.Check(j.Port)
	case engine.IsSimulated(j.Port) && j.Power != "":
		return j, usageError("--power %s: a simulated board has its own power", power.Mask(j.Power))
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
		case !ok || label == "" || file == "", strings.HasPrefix(file, "//"): // an address without a label
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

func variantFlag() cli.Flag {
	return &cli.StringFlag{Name: "variant", Usage: "`NAME` of a variant of the policy, as flashlua boards show lists them"}
}

// checkVariant refuses an empty name, which is likely a variable of a shell that is not set.
func checkVariant(c *cli.Context) error {
	if c.IsSet("variant") && c.String("variant") == "" {
		return usageError("--variant must not be empty: leave it out for the policy without a variant")
	}
	return nil
}

// parseSet reads the values of --set, KEY=VALUE.
func parseSet(given *repeated) (map[string]string, error) { return parsePairs("--set", "KEY", given) }

// filesOf reads the values of --file, NAME=PATH.
func filesOf(c *cli.Context) (map[string]string, error) {
	given := c.Generic("file").(*repeated)
	if len(*given) == 0 {
		return nil, nil
	}
	files, err := parsePairs("--file", "NAME", given)
	for name, path := range files {
		if path == "" {
			return nil, usageError("--file %s=: the path is missing, write --file %[1]s=PATH", name)
		}
	}
	return files, err
}

// parsePairs reads the values of a flag, KEY=VALUE.
func parsePairs(flag, key string, given *repeated) (map[string]string, error) {
	pairs := map[string]string{}
	for _, p := range *given {
		k, v, ok := strings.Cut(p, "=")
		if !ok { // it may be a line of a password that has several
			return nil, usageError("a value of %s has no =: write %[1]s %s=VALUE", flag, key)
		}
		if _, twice := pairs[k]; k == "" || twice {
			return nil, usageError("%s %s: write %s=VALUE, each %s once", flag, k, key, strings.ToLower(key)) // the value may be a password
		}
		pairs[k] = v
	}
	return pairs, nil
}
