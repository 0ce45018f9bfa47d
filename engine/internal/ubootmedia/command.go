package ubootmedia

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// helpLine matches a command in the output of help. Source: U-Boot, common/command.c.
var helpLine = regexp.MustCompile(`(?m)^(\S+?)\s*- `)

// Commands returns the names of U-Boot's commands. The error is of kind uboot.command if it does not list them.
func Commands(ctx context.Context, p Prompt) (map[string]bool, error) {
	out, err := RunSteady(ctx, p, "help")
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
		name, _, _ = strings.Cut(name, ".") // mw.l
		return "", NoCommand(name)
	case res.Code != 0:
		return "", classify.WithConsole(classify.New(classify.UBootExit, "U-Boot: `%s` exited %d", cmd, res.Code), res.Output)
	}
	return res.Output, nil
}

// RunSteady is Run for a long output that console noise may damage. It returns the lines that came twice, of the output
// with the most of them.
func RunSteady(ctx context.Context, p Prompt, cmd string) (string, error) {
	first, err := Run(ctx, p, cmd)
	if err != nil {
		return "", err
	}
	second, err := Run(ctx, p, cmd)
	if first == second || err != nil {
		return second, err
	}
	third, err := Run(ctx, p, cmd)
	if err != nil {
		return "", err
	}
	outputs := [][]string{strings.Split(first, "\n"), strings.Split(second, "\n"), strings.Split(third, "\n")}
	times := map[string]int{}
	for _, lines := range outputs {
		for _, line := range lines {
			times[line]++
		}
	}
	var best []string
	for _, lines := range outputs {
		if lines = slices.DeleteFunc(lines, func(l string) bool { return times[l] < 2 }); len(lines) > len(best) {
			best = lines
		}
	}
	return strings.Join(best, "\n"), nil
}

// SelectSteady is Select of a medium whose geometry console noise may damage: it is what came twice.
func SelectSteady(ctx context.Context, m Medium, ram uint64) (Geometry, error) {
	g, err := m.Select(ctx, ram)
	for range 2 * tries {
		if err != nil {
			return Geometry{}, err
		}
		last := g
		if g, err = m.Select(ctx, ram); err == nil && g == last {
			break
		}
	}
	return g, err
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
