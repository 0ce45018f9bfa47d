package ubootmedia

import (
	"context"
	"regexp"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// helpLine matches a command in the output of help. Source: U-Boot, common/command.c.
var helpLine = regexp.MustCompile(`(?m)^(\S+?)\s*- `)

// Commands returns the names of U-Boot's commands. The error is of kind uboot.command if it does not list them.
func Commands(ctx context.Context, p Prompt) (map[string]bool, error) {
	out, err := Run(ctx, p, "help")
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for _, m := range helpLine.FindAllStringSubmatch(out, -1) {
		all[m[1]] = true
	}
	if len(all) == 0 {
		return nil, classify.WithConsole(classify.New(classify.UBootCommand, "`help` at U-Boot's prompt lists no commands"), out)
	}
	return all, nil
}

// Run runs a command that must succeed, and returns its output.
func Run(ctx context.Context, p Prompt, cmd string) (string, error) {
	res, err := p.Exec(ctx, console.Command{Text: cmd})
	switch {
	case err != nil:
		return "", err
	case IsUnknownCommand(res):
		name, _, _ := strings.Cut(cmd, " ")
		return "", NoCommand(name)
	case res.Code != 0:
		return "", classify.WithConsole(classify.New(classify.UBootExit, "U-Boot: `%s` exited %d", cmd, res.Code), res.Output)
	}
	return res.Output, nil
}

// IsUnknownCommand reports whether a command failed because U-Boot does not have it.
func IsUnknownCommand(res console.Result) bool {
	return strings.Contains(res.Output, "Unknown command '")
}

// NoCommand returns the error of a U-Boot that does not have a command.
func NoCommand(name string) error {
	return classify.WithHint(classify.New(classify.UBootCommand, "this U-Boot has no command %s", name),
		"write by a Linux in RAM, or build a U-Boot that has the command")
}
