package ubootmedia

import (
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// IsUnknownCommand reports whether a command failed because U-Boot does not have it.
func IsUnknownCommand(res console.Result) bool {
	return strings.Contains(res.Output, "Unknown command '")
}

// errNoCommand returns the error of a U-Boot that does not have a command.
func errNoCommand(name string, res console.Result) error {
	return classify.WithHint(classify.WithConsole(classify.New(classify.UBootCommand, "this U-Boot has no command %s", name), res.Output),
		"write by a Linux in RAM, or build a U-Boot that has the command")
}
