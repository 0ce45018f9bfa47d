package main

import (
	"embed"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
)

//go:embed completion
var completions embed.FS

var shells = []string{"bash", "zsh", "fish"}

func (env Env) completionCommand() *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print the completion script of a shell", ArgsUsage: strings.Join(shells, "|"),
		Description: "Run the line of your shell, and add it to the shell's start-up file:\n\n" +
			"  source <(flashlua completion bash)\n  source <(flashlua completion zsh)\n  flashlua completion fish | source",
		OnUsageError: onUsageError,
		BashComplete: func(c *cli.Context) {
			if c.NArg() == 0 {
				fmt.Fprintln(c.App.Writer, strings.Join(shells, "\n"))
			}
		},
		Action: func(c *cli.Context) error {
			shell := c.Args().First()
			if c.NArg() != 1 || !slices.Contains(shells, shell) {
				return usageErrorFor("completion", "name one shell: flashlua completion %s", strings.Join(shells, "|"))
			}
			script, err := completions.ReadFile("completion/flashlua." + shell)
			if err != nil {
				return err
			}
			_, err = env.Stdout.Write(script)
			return stdoutError(err)
		},
	}
}

// completionWords returns the words of the command line to complete, and whether completion was requested. The
// completion scripts append the flag --generate-bash-completion to them. The last word is the one at the cursor
// and may be empty.
func completionWords(args []string) ([]string, bool) {
	last := len(args) - 1
	if last < 1 || args[last] != "--generate-bash-completion" {
		return nil, false
	}
	if last == 1 {
		return []string{""}, true
	}
	return args[1:last], true
}

// noFiles is the exit code of a completion at a place where no file is meant.
const noFiles = 1

// complete prints the possible words at the cursor, one per line, and returns noFiles or 0. urfave/cli's own completion
// does not serve: it parses flags only up to the first argument. BashComplete of a command prints its possible
// arguments.
func (env Env) complete(app *cli.App, words []string) int {
	done, cur := words[:len(words)-1], words[len(words)-1]
	if len(done) == 0 {
		printNames(app.Writer, app.Commands)
		return noFiles
	}
	cmd := app.Command(done[0])
	if cmd == nil {
		return 0
	}
	rest := done[1:]
	for len(rest) > 0 && subcommand(cmd, rest[0]) != nil {
		cmd, rest = subcommand(cmd, rest[0]), rest[1:]
	}
	args, wantsValue := positionalArgs(cmd, rest)
	values := func(name, cur, before string) int {
		all, known := completedLine{env, rest, args}.values(name, cur)
		for _, v := range all {
			fmt.Fprintln(app.Writer, before+v)
		}
		if known {
			return noFiles
		}
		return 0
	}
	given, value, hasValue := strings.Cut(cur, "=")
	switch {
	case wantsValue:
		return values(strings.TrimLeft(rest[len(rest)-1], "-"), cur, "")
	case strings.HasPrefix(cur, "-") && hasValue:
		return values(strings.TrimLeft(given, "-"), value, given+"=")
	case strings.HasPrefix(cur, "-"):
		for _, f := range append(cmd.Flags, cli.HelpFlag) {
			fmt.Fprintln(app.Writer, "--"+f.Names()[0])
		}
		return noFiles
	case len(cmd.Subcommands) > 0 && len(args) == 0:
		printNames(app.Writer, cmd.Subcommands)
	case cmd.BashComplete != nil:
		set := flag.NewFlagSet(cmd.Name, flag.ContinueOnError)
		set.String("lab", flagValue(rest, "lab"), "")
		set.Parse(append([]string{"--"}, args...))
		cmd.BashComplete(cli.NewContext(app, set, nil))
	}
	return 0
}

func printNames(w io.Writer, commands []*cli.Command) {
	for _, cmd := range commands {
		if !cmd.Hidden {
			fmt.Fprintln(w, cmd.Name)
		}
	}
}

func subcommand(cmd *cli.Command, name string) *cli.Command {
	for _, sub := range cmd.Subcommands {
		if sub.HasName(name) {
			return sub
		}
	}
	return nil
}

// positionalArgs returns the words that are neither flags of the command nor their values, and whether the next
// word is the value of a flag.
func positionalArgs(cmd *cli.Command, words []string) (args []string, wantsValue bool) {
	takes := valueFlags(cmd)
	for _, w := range words {
		name, _, hasValue := strings.Cut(strings.TrimLeft(w, "-"), "=")
		switch {
		case wantsValue:
			wantsValue = false
		case strings.HasPrefix(w, "-"):
			wantsValue = takes[name] && !hasValue
		default:
			args = append(args, w)
		}
	}
	return args, wantsValue
}

// flagValue returns the value of a flag among words, "" if it is not there.
func flagValue(words []string, name string) string {
	for i, w := range words {
		given, value, hasValue := strings.Cut(strings.TrimLeft(w, "-"), "=")
		switch {
		case !strings.HasPrefix(w, "-") || given != name:
		case hasValue:
			return value
		case i+1 < len(words):
			return words[i+1]
		}
	}
	return ""
}

// completeScripts prints the names of the built-in boards and of the stations.
func (env Env) completeScripts(c *cli.Context) {
	completeBoards(c)
	if c.NArg() == 0 {
		env.completeStations(c)
	}
}

// completeStations prints the names of the stations of the lab file that is found without flags.
func (env Env) completeStations(c *cli.Context) {
	if l, err := env.openLab(c, nil); err == nil && l != nil {
		for _, name := range l.Inventory.Names() {
			fmt.Fprintln(c.App.Writer, name)
		}
	}
}

// completeBoards prints the names of the built-in boards, which SCRIPT may be.
func completeBoards(c *cli.Context) {
	if c.NArg() == 0 {
		fmt.Fprintln(c.App.Writer, strings.Join(bindings.Boards(), "\n"))
	}
}
