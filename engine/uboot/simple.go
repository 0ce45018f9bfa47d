package uboot

import (
	"context"
	"regexp"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// The shells of U-Boot, for Config.Shell.
const (
	Hush   = "hush"
	Simple = "simple" // keeps no exit code, and may have no echo: what a command did is read back
)

// dialect returns the dialect of the board's U-Boot, whose prompt was found.
func (cfg Config) dialect(prompt string) console.Dialect {
	d := console.UBoot(prompt, cfg.Line)
	if cfg.Shell == Simple {
		d = console.UBootSimple(prompt, cfg.Line)
	}
	d.Abort = aborts
	return d
}

// quote returns a value as it is typed.
func (u *UBoot) quote(value string) (string, error) {
	if u.simple {
		return console.QuoteUBootSimple(value)
	}
	if bareWord.MatchString(value) {
		return value, nil
	}
	return console.QuoteUBoot(value), nil
}

// bareWord needs no quotes.
var bareWord = regexp.MustCompile(`^[\w./:-]+$`)

// quoteFile returns a file's name as it is typed: one argument.
func (u *UBoot) quoteFile(name string) (string, error) {
	if u.simple && strings.Contains(name, " ") {
		return "", classify.WithHint(classify.New(classify.ConsoleText, "a U-Boot without hush cannot load %q: its name contains a blank", name), "rename the file")
	}
	return u.quote(name)
}

// clear removes a variable that the next command is to set, so that its value proves that the command did. With
// hush, the exit code proves that.
func (u *UBoot) clear(ctx context.Context, name string) error {
	if !u.simple {
		return nil
	}
	return u.SetEnv(ctx, name, "")
}

// checkEnv reads back what SetEnv has set, if no exit code says that it was set.
func (u *UBoot) checkEnv(ctx context.Context, name, value string) error {
	if !u.simple {
		return nil
	}
	got, err := u.Env(ctx, name)
	if err == nil && got != value {
		err = u.Fail(classify.New(classify.UBootExit, "U-Boot has %q as %s after it was set to %q", got, name, value))
	}
	return err
}
