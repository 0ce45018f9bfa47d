package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
)

// reorderArgs moves the flags of a command before its arguments, because urfave/cli stops parsing flags at the
// first argument. Arguments after -- stay in place. It refuses unknown flags and repeated flags that take one
// value.
func reorderArgs(app *cli.App, args []string) ([]string, error) {
	if len(args) < 2 {
		return args, nil
	}
	cmd := app.Command(args[1])
	if cmd == nil {
		return args, nil
	}
	takes := valueFlags(cmd)
	given := map[string]bool{}
	flags, rest := []string{args[0], args[1]}, []string(nil)
	for i := 2; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			rest = append(rest, args[i+1:]...)
			break
		}
		if !strings.HasPrefix(a, "-") || a == "-" {
			rest = append(rest, a)
			continue
		}
		name, _, hasValue := strings.Cut(strings.TrimLeft(a, "-"), "=")
		needs, known := takes[name]
		if !known {
			return nil, usageErrorFor(args[1], "flashlua %s has no flag %s%s", args[1], a, flagLike(name, takes))
		}
		if once := onlyOnce(cmd, name); once != "" && given[once] {
			return nil, usageErrorFor(args[1], "--%s given twice", once)
		} else if once != "" {
			given[once] = true
		}
		flags = append(flags, a)
		if needs && !hasValue {
			if i++; i == len(args) {
				return nil, usageError("flag %s needs a value", a)
			}
			flags = append(flags, args[i])
		}
	}
	return append(append(flags, "--"), rest...), nil
}

// flagLike returns "; did you mean --NAME?" with the flag nearest to a name, "" if none is near.
func flagLike(name string, takes map[string]bool) string {
	var known []string
	for flag := range takes {
		if len(flag) > 1 {
			known = append(known, "--"+flag)
		}
	}
	slices.Sort(known)
	return bindings.DidYouMean("--"+name, known)
}

// onlyOnce returns the first name of a flag that may be given once, "" for a flag that may be repeated.
func onlyOnce(cmd *cli.Command, name string) string {
	for _, f := range cmd.Flags {
		if !slices.Contains(f.Names(), name) {
			continue
		}
		switch f.(type) {
		case *cli.BoolFlag, *cli.GenericFlag: // every GenericFlag is a repeated
		default:
			return f.Names()[0]
		}
	}
	return ""
}

// valueFlags returns, for each name of a command's flags, whether the flag takes a value.
func valueFlags(cmd *cli.Command) map[string]bool {
	takes := map[string]bool{"help": false, "h": false}
	for _, f := range cmd.Flags {
		_, isBool := f.(*cli.BoolFlag)
		for _, name := range f.Names() {
			takes[name] = !isBool
		}
	}
	return takes
}
