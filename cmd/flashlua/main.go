// Command flashlua flashes embedded boards from Lua policies and verifies every byte that it wrote.
//
// This package owns the command line, the text for people and the exit code. It is the only importer of
// urfave/cli, and the only package that exits the process or uses the standard streams. It must not know how a
// board is flashed.
package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/transport"
)

// Env is the environment of a command: arguments, streams and the calls of the system that tests replace.
type Env struct {
	Args           []string
	Stdin          *os.File
	Stdout, Stderr io.Writer
	Getenv         func(name string) string
	Environ        func() []string                                // the variables, NAME=VALUE; nil is none
	Terminal       func(w io.Writer) (width int)                  // 0 if w is no terminal
	Height         func(w io.Writer) (lines int)                  // of the terminal w, 0 if it is not known; nil is never
	Signals        func() (arrived <-chan os.Signal, stop func()) // after stop, signals have their default effect
	Exit           func(code int)                                 // ends the process at once
	Ports          func() []transport.PortInfo

	remote *remoteRunner // of the host that asked for the run; nil is none
}

// memoryLimit is the memory in bytes from which the garbage collector works harder, so that garbage of scripts and
// images does not fill the memory of the host.
const memoryLimit = 256 << 20

// stationMemory is the memory in bytes that each further station at a time adds to memoryLimit: less than it holds
// would keep the garbage collector at work.
const stationMemory = 6 << 20

func main() {
	debug.SetMemoryLimit(memoryLimit)
	os.Exit(Env{
		Exit: os.Exit,
		Args: os.Args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Environ: os.Environ, Terminal: systemTerminal, Height: systemHeight, Signals: systemSignals, Ports: transport.Ports,
	}.run())
}

// stdin returns the standard input, nil if there is none.
func (env Env) stdin() io.Reader {
	if env.Stdin == nil {
		return nil
	}
	return env.Stdin
}

// exitCode is the error of a command that has printed its failure already.
type exitCode int

func (exitCode) Error() string { return "" }

// run runs one command line and returns the exit code.
func (env Env) run() int {
	if len(env.Args) == 3 && env.Args[1] == remoteRunName {
		return env.remoteRun(remoteCache(env.Args[2]))
	}
	env.Args = versionAsCommand(env.Args)
	app := env.app()
	if words, asked := completionWords(env.Args); asked {
		return env.complete(app, words)
	}
	args, err := reorderArgs(app, env.Args)
	if err == nil {
		err = app.Run(env.withScriptHelp(app, args))
	}
	switch err := err.(type) {
	case nil:
		return 0
	case exitCode:
		return int(err)
	case cli.ExitCoder: // only urfave/cli's help command returns one
		return env.reportRefusal(app, unknownTopic(app, env.Args, err))
	}
	return env.reportRefusal(app, err)
}

// reportRefusal reports an error that prevented the command from starting, and returns the exit code.
func (env Env) reportRefusal(app *cli.App, err error) int {
	report := engine.RefusedReport(err)
	env.writeRefusal(app, report)
	env.printFailure(report)
	return int(report.Exit)
}

func (env Env) app() *cli.App {
	app := &cli.App{
		Name: "flashlua", Usage: "flash embedded boards from Lua policies, and verify what was written", HideVersion: true,
		Writer: helpWriter{env.Stdout, env.Terminal}, ErrWriter: env.Stderr, DisableSliceFlagSeparator: true,
		Commands: []*cli.Command{
			env.runCommand(), env.verifyCommand(), env.writeCommand(), env.holdCommand(), env.demoCommand(), env.simCommand(), env.boardsCommand(), env.labCommand(), env.envCommand(), env.portsCommand(),
			env.resultsCommand(), env.reportCommand(), env.consoleCommand(), env.tftpCommand(), env.checkCommand(), env.explainCommand(), env.newCommand(), env.stubCommand(), env.versionCommand(), env.completionCommand(), env.manualCommand(),
		},
		Flags:          []cli.Flag{versionFlag()},
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   onUsageError,
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return unknownCommand(c.App, c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
	}
	for _, cmd := range app.Commands {
		action := cmd.Action
		cmd.Before, cmd.Action = env.useVariables, func(c *cli.Context) error { return nameOrigins(c, action(c)) }
	}
	return app
}

func unknownCommand(app *cli.App, name string) error {
	var known []string
	for _, cmd := range app.Commands {
		known = append(known, cmd.Name)
	}
	return usageError("unknown command %q%s", name, bindings.DidYouMean(name, known))
}

// unknownTopic returns the error of the command help for a word that is no command.
func unknownTopic(app *cli.App, args []string, err error) error {
	if topic := args[len(args)-1]; len(args) == 3 && app.Command(topic) == nil {
		return unknownCommand(app, topic)
	}
	return usageError("%s", err)
}

func (env Env) printFailure(r *engine.Report) { printFailure(env.Stderr, env.colors(env.Stderr), r) }

// badValue matches the error of package flag for a value that it cannot parse.
var badValue = regexp.MustCompile(`^invalid (?:boolean )?value "(.*)" for (?:flag )?-(\w[\w-]*)`)

func onUsageError(c *cli.Context, err error, _ bool) error {
	if m := badValue.FindStringSubmatch(err.Error()); m != nil && c != nil && c.Command != nil {
		for _, f := range c.Command.Flags {
			if text := wrongValue(f, m[1]); text != "" && slices.Contains(f.Names(), m[2]) {
				return usageError("--%s %s", m[2], text)
			}
		}
	}
	if name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); unknown && c != nil {
		takes := map[string]bool{}
		for _, cmd := range c.App.Commands {
			maps.Copy(takes, valueFlags(cmd))
		}
		if _, known := takes[name]; known {
			return usageError("the flag --%s stands before the command: write it after", name)
		}
		return usageError("flashlua has no flag --%s%s", name, flagLike(name, takes))
	}
	return usageError("%s", strings.TrimSuffix(err.Error(), ": parse error"))
}

// wrongValue returns what is wrong with a value that a flag cannot parse, "" for a flag that takes every text.
func wrongValue(f cli.Flag, value string) string {
	switch f.(type) {
	case *cli.DurationFlag:
		return fmt.Sprintf(`must be a duration with its unit, "90s" or "5m", not %q`, value)
	case *cli.IntFlag:
		return fmt.Sprintf("must be a whole number, not %q", value)
	}
	return ""
}

func usageError(format string, args ...any) error {
	return classify.WithHint(classify.New(classify.Usage, format, args...), "see flashlua --help, flashlua run --help")
}
