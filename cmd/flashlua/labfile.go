package main

import (
	"cmp"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
)

// labVariable is the environment variable that names the lab file.
const labVariable = "FLASHLUA_LAB"

// labPlaces are where the lab file is without --lab and without labVariable, the first one that exists.
var labPlaces = []string{"lab.lua", "/etc/flashlua/lab.lua"}

// labPlacesText names all places of the lab file.
var labPlacesText = labVariable + ", ./" + strings.Join(labPlaces, " or ")

func labFlag() cli.Flag {
	return &cli.StringFlag{Name: "lab", Usage: "`FILE` with the stations of the lab", DefaultText: labPlacesText}
}

// labPath returns the path of the lab file, "" if there is none. A file that is named need not exist.
func (env Env) labPath(c *cli.Context) (string, error) {
	switch named := c.String("lab"); {
	case named != "":
		return named, nil
	case c.IsSet("lab"):
		return "", usageError("--lab must not be empty: leave it out for %s", labPlacesText)
	}
	if path := env.getenv(labVariable); path != "" {
		return path, nil
	}
	for _, path := range labPlaces {
		if st, err := os.Stat(path); err == nil && !st.IsDir() {
			return path, nil
		}
	}
	return "", nil
}

// getenv returns a variable of the environment. Tests of the command line may have none.
func (env Env) getenv(name string) string {
	if env.Getenv == nil {
		return ""
	}
	return env.Getenv(name)
}

// openLab loads the lab file. It returns nil if there is none. print is called with what the file prints.
func (env Env) openLab(c *cli.Context, print func(string)) (*bindings.Lab, error) {
	path, err := env.labPath(c)
	if err != nil || path == "" {
		return nil, err
	}
	l, err := bindings.LoadLab(path, bindings.Options{Log: print})
	if err != nil && !isGiven(c, "lab") && path == env.getenv(labVariable) {
		hint := cmp.Or(classify.Facts(err).Hint, "the environment variable "+labVariable+" names it")
		return nil, classify.WithHint(err, "%s", hint)
	}
	return l, err
}

// noLab is the error of a command that needs a lab file.
func noLab() error {
	return classify.WithHint(classify.New(classify.Usage, "there is no lab file"),
		"name one with --lab FILE or the environment variable %s, or write ./%s; docs/lab.md shows one", labVariable, strings.Join(labPlaces, " or "))
}
