package uboot

import (
	"context"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// Env returns an environment variable, "" if it is not set.
func (u *UBoot) Env(ctx context.Context, name string) (string, error) {
	word, err := u.quoteName(name)
	if err != nil {
		return "", err
	}
	res, err := u.Exec(ctx, console.Command{Text: "printenv " + word})
	if err != nil || res.Code != 0 {
		return "", err // an unset variable exits 1
	}
	for line := range strings.Lines(res.Output) {
		if value, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), name+"="); ok {
			return value, nil
		}
	}
	return "", u.Fail(classify.New(classify.UBootExit, "U-Boot printed no value for %s", name))
}

// SetEnv sets an environment variable to a literal value. It does not save the environment.
func (u *UBoot) SetEnv(ctx context.Context, name, value string) error {
	cmd, err := u.setCommand(name, value)
	if err != nil {
		return err
	}
	if _, err := u.Run(ctx, console.Command{Text: cmd}); err != nil {
		return err
	}
	return u.checkEnv(ctx, name, value)
}

// setCommand returns the command that sets a variable.
func (u *UBoot) setCommand(name, value string) (string, error) {
	word, err := u.quoteName(name)
	if err != nil {
		return "", err
	}
	quoted, err := u.quote(value)
	return "setenv " + word + " " + quoted, err
}

// quoteName returns the name of a variable as it is typed. U-Boot forbids only "=" in a name, but setenv and
// printenv take a leading "-" for an option, and a blank cannot be typed in every shell. Source: U-Boot,
// env/common.c and cmd/nvedit.c.
func (u *UBoot) quoteName(name string) (string, error) {
	fail := func(why string) error {
		return classify.New(classify.ConsoleText, "%q is not a name for a U-Boot variable: %s", name, why)
	}
	switch {
	case name == "":
		return "", fail("it is empty")
	case strings.Contains(name, "="):
		return "", fail("it contains =")
	case strings.HasPrefix(name, "-"):
		return "", fail("it begins with -, which U-Boot takes for an option")
	case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", fail("it contains a blank, or a character that is not printable ASCII")
	}
	return u.quote(name)
}
