package main

import (
	"fmt"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

func (env Env) versionCommand() *cli.Command {
	return &cli.Command{Name: "version", Usage: "print the version", Description: "flashlua version", OnUsageError: onUsageError, Action: func(c *cli.Context) error {
		if c.NArg() > 0 {
			return usageErrorFor("version", "unexpected argument %q", c.Args().First())
		}
		_, err := fmt.Fprintln(env.Stdout, "flashlua", version())
		return stdoutError(err)
	}}
}

// version returns the version of this program.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
