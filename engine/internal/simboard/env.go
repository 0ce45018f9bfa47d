package simboard

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
)

func printenv(u *bootloader, _ context.Context, args []string) (int, error) {
	status, names := 0, args[1:]
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(u.env))
	}
	for _, name := range names {
		value, ok := u.env[name]
		if !ok {
			u.printf("## Error: \"%s\" not defined\n", name)
			status = 1
			continue
		}
		u.printf("%s=%s\n", name, value)
	}
	if len(args) == 1 {
		u.printf("\nEnvironment size: %d/%d bytes\n", u.size(), envSize)
	}
	return status, nil
}

func setenv(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) < 2 {
		return u.usage("setenv")
	}
	if strings.Contains(args[1], "=") {
		u.printf("## Error: illegal character '=' in variable name \"%s\"\n", args[1])
		return 1, nil
	}
	value := strings.Join(args[2:], " ")
	if value == "" {
		delete(u.env, args[1])
		return 0, nil
	}
	if u.size()-len(u.env[args[1]])+len(args[1])+len(value) > envSize {
		u.printf("## Error inserting \"%s\" variable, errno=12\n", args[1])
		return 1, nil
	}
	u.env[args[1]] = value
	return 0, nil
}

// size returns the size of the environment in bytes: NAME=VALUE and a zero byte each.
func (u *bootloader) size() int {
	n := 0
	for name, value := range u.env {
		n += len(name) + len(value) + 2
	}
	return n
}

func saveenv(u *bootloader, _ context.Context, _ []string) (int, error) {
	u.b.saved = maps.Clone(u.env)
	u.printf("Saving Environment to Flash... OK\n")
	return 0, nil
}

// envCommands are the subcommands of env, those included that a simulated board lacks.
var envCommands = []string{"default", "delete", "edit", "exists", "export", "import", "print", "run", "save", "set"}

func envCmd(u *bootloader, ctx context.Context, args []string) (int, error) {
	if len(args) < 2 {
		return u.usage("env")
	}
	sub, ok := args[1], slices.Contains(envCommands, args[1])
	if !ok {
		sub, _ = findByPrefix(sub, slices.Values(envCommands))
	}
	switch sub {
	case "default":
		u.env = maps.Clone(defaultEnv)
		u.printf("## Resetting to default environment\n")
		return 0, nil
	case "print":
		return printenv(u, ctx, args[1:])
	case "set":
		return setenv(u, ctx, args[1:])
	case "delete":
		for _, name := range args[2:] {
			delete(u.env, name)
		}
		return 0, nil
	case "run":
		return run(u, ctx, args[1:])
	case "save":
		return saveenv(u, ctx, args)
	case "exists":
		if _, ok := u.env[args[len(args)-1]]; ok {
			return 0, nil
		}
		return 1, nil
	}
	return u.usage("env")
}

func run(u *bootloader, ctx context.Context, args []string) (int, error) {
	if u.depth == maxDepth {
		return 1, errDeep
	}
	u.depth++
	defer func() { u.depth-- }()
	status, err := u.runAll(ctx, args[1:])
	if errors.Is(err, errDeep) && u.depth == 1 { // only here: a variable that runs itself twice would otherwise run a million times
		u.printf("run: too deep\n")
		return 1, nil
	}
	return status, err
}

func (u *bootloader) runAll(ctx context.Context, names []string) (int, error) {
	for _, name := range names {
		text, ok := u.env[name]
		if !ok && slices.Contains(u.b.used.variables, name) {
			continue
		}
		if !ok {
			u.printf("## Error: \"%s\" not defined\n", name)
			return 1, nil
		}
		if !u.hasHush() {
			if err := u.simpleLine(ctx, text); err != nil {
				return u.status, err
			}
			continue
		}
		list, err := parseHush(text)
		if err != nil {
			u.printf("%v\n", err)
			return 1, nil
		}
		if err := u.list(ctx, list); err != nil {
			return u.status, err
		}
		if u.status != 0 {
			return 1, nil
		}
	}
	return 0, nil
}
