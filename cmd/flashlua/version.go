package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/engine"
)

// buildFacts are what the Go toolchain recorded about this program. `go install …@VERSION` records the version, a
// build in a git checkout also the commit.
type buildFacts struct {
	Version  string `json:"version"`          // a tag, a pseudo-version, or "(devel)" if it is not known
	Commit   string `json:"commit,omitempty"` // in full
	Date     string `json:"date,omitempty"`   // of the commit, RFC 3339
	Modified bool   `json:"modified"`         // the checkout had changes that are not in the commit
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// readBuildFacts returns the facts of this program.
func readBuildFacts() buildFacts {
	b := engine.ReadBuild()
	f := buildFacts{Version: b.Version, Commit: b.Commit, Modified: b.Modified, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if !b.Date.IsZero() {
		f.Date = b.Date.Format(time.RFC3339)
	}
	return f
}

func (env Env) versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version", Description: "flashlua version\n  flashlua version --json",
		Flags:        []cli.Flag{&cli.BoolFlag{DisableDefaultText: true, Name: "json", Usage: "print version, commit, its date, whether the source was modified, Go, os and arch as JSON"}},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usageErrorFor("version", "unexpected argument %q", c.Args().First())
			}
			f := readBuildFacts()
			if c.Bool("json") {
				return printJSON(env.Stdout, f)
			}
			_, err := fmt.Fprintln(env.Stdout, "flashlua", f.Version)
			return stdoutError(err)
		},
	}
}

// versionFlag is for the help of flashlua itself; versionAsCommand makes a command of it.
func versionFlag() cli.Flag {
	return &cli.BoolFlag{DisableDefaultText: true, Name: "version", Usage: "print the version, as the command version does"}
}

// versionAsCommand returns the command line with the first word --version replaced by the command.
func versionAsCommand(args []string) []string {
	if len(args) < 2 || args[1] != "--version" && args[1] != "-version" {
		return args
	}
	return append([]string{args[0], "version"}, args[2:]...)
}
