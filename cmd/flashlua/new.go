package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/classify"
)

//go:embed new.lua
var newPolicy string

func (env Env) newCommand() *cli.Command {
	return &cli.Command{
		Name: "new", Usage: "create a policy for a new board", ArgsUsage: "NAME",
		Description: "Creates NAME.lua, a policy with a comment for every key that usually changes. An existing file is not overwritten.\n\n" +
			"  flashlua new boards/mine",
		OnUsageError: onUsageError,
		Action:       env.new,
	}
}

var boardName = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*$`)

func (env Env) new(c *cli.Context) error {
	if c.NArg() != 1 {
		return usageErrorFor("new", "NAME is required: flashlua new NAME")
	}
	path := strings.TrimSuffix(c.Args().First(), ".lua") + ".lua"
	name := strings.TrimSuffix(filepath.Base(path), ".lua")
	if !boardName.MatchString(name) {
		return usageErrorFor("new", "%q is not a valid name of a board: use letters, digits, dots and dashes", name)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return classify.WithHint(classify.New(classify.Usage, "%s exists already", path), "choose another name, or remove the file")
	}
	if err == nil {
		_, err = f.WriteString(strings.ReplaceAll(newPolicy, "NAME", name))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return classify.Wrap(err, classify.Usage, "cannot write %s", path)
	}
	next := fmt.Sprintf("created %s; next:\n  flashlua check %[1]s\n  flashlua console --port serial:/dev/ttyUSB0 --board %[1]s --at uboot\n", path)
	if _, err := os.Stat(stubDir); err != nil {
		next += "  flashlua stub --install    (completion and types in your editor)\n"
	}
	_, err = fmt.Fprint(env.Stdout, next)
	return stdoutError(err)
}
