package uboot

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/engine/console"
)

// variables are values that commands may refer to as ${name}, and that the board's environment does not have yet:
// typing a value in place of a reference is shorter than setting the variable. A command that needs the variable
// itself makes the board have them all.
type variables map[string]string

// reference matches $name and ${name}, and what makes a $ none.
var reference = regexp.MustCompile(`\\.|'[^']*'|\$(?:\{(\w+)\}|(\w+))`)

// readsEnvironment matches a word of a command that may refer to variables which the command does not name.
var readsEnvironment = regexp.MustCompile(`\b(?:run|boot|bootd|bootflow|bootmenu|source|autoscr|env|print\w*|save\w*)\b`)

// expand returns cmd with its references replaced. ok is false if cmd needs the variables themselves.
func (v variables) expand(cmd string) (text string, ok bool) {
	rest := cmd
	text = reference.ReplaceAllStringFunc(cmd, func(ref string) string {
		m := reference.FindStringSubmatch(ref)
		if value, known := v[m[1]+m[2]]; known {
			rest = strings.Replace(rest, ref, "", 1)
			return value
		}
		return ref
	})
	if readsEnvironment.MatchString(rest) {
		return cmd, false
	}
	for name := range v {
		if regexp.MustCompile(`(?:^|\W)` + regexp.QuoteMeta(name) + `(?:\W|$)`).MatchString(rest) {
			return cmd, false
		}
	}
	return text, true
}

// Define lets commands refer to a variable. value must need no quotes.
func (u *UBoot) Define(name, value string) {
	if u.defined == nil {
		u.defined = variables{}
	}
	u.defined[name] = value
}

// resolve returns the text to type for a command that may refer to defined variables.
func (u *UBoot) resolve(ctx context.Context, cmd string) (string, error) {
	text, ok := u.defined.expand(cmd)
	if len(u.defined) == 0 || ok {
		return text, nil
	}
	all := u.defined
	u.defined = nil
	if u.simple {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if err := u.SetEnv(ctx, name, all[name]); err != nil {
				return "", err
			}
		}
		return cmd, nil
	}
	line := ""
	flush := func() error {
		if line == "" {
			return nil
		}
		_, err := u.Interpreter.Run(ctx, console.Command{Text: line, What: "the setting of variables"})
		line = ""
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		set := fmt.Sprintf("setenv %s %s", name, all[name])
		if line != "" && len(u.Frame(line+"&&"+set)) > u.Line {
			if err := flush(); err != nil {
				return "", err
			}
		}
		if line != "" {
			line += "&&"
		}
		line += set
	}
	return cmd, flush()
}

// Exec runs a command as console.Interpreter does. The command may refer to defined variables.
func (u *UBoot) Exec(ctx context.Context, cmd console.Command) (console.Result, error) {
	text, err := u.resolve(ctx, cmd.Text)
	if err != nil {
		return console.Result{}, err
	}
	cmd.Text = text
	return u.Interpreter.Exec(ctx, cmd)
}

// Run runs a command that must succeed, as console.Interpreter does. The command may refer to defined variables.
func (u *UBoot) Run(ctx context.Context, cmd console.Command) (string, error) {
	res, err := u.Exec(ctx, cmd)
	return u.Succeeded(cmd, res, err)
}
