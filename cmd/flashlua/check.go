package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
)

func (env Env) checkCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "check scripts for mistakes without touching hardware", ArgsUsage: "SCRIPT...",
		Description: "Prints findings as file:line:column: message (rule), and exits with 2 if there are any. To suppress a rule, put a\n" +
			"comment on the line or on the line before it:\n\n" +
			"  -- check: allow RULE because REASON\n\n" +
			"  flashlua check boards/*.lua",
		Flags:        []cli.Flag{&cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "print JSON"}},
		OnUsageError: onUsageError,
		BashComplete: completeBoards,
		Action:       env.check,
	}
}

func (env Env) check(c *cli.Context) error {
	if c.NArg() == 0 {
		return usageErrorFor("check", "SCRIPT is required: flashlua check SCRIPT...")
	}
	all := []bindings.Finding{}
	for _, spec := range c.Args().Slice() {
		found, err := bindings.Check(spec, bindings.Options{})
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	return env.printFindings(all, c.Bool("json"))
}

// printFindings prints findings. It returns an error with exit code 2 if there are any.
func (env Env) printFindings(all []bindings.Finding, asJSON bool) error {
	if asJSON {
		if err := printJSON(env.Stdout, all); err != nil {
			return err
		}
	} else {
		for _, f := range all {
			if _, err := fmt.Fprintln(env.Stdout, escapeControl(f.String())); err != nil {
				return stdoutError(err)
			}
		}
	}
	if len(all) > 0 {
		return exitCode(2)
	}
	return nil
}
