package uboot

import (
	"context"
	"maps"
	"slices"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// setUp sets the variables of the configuration at a new prompt, and runs its commands.
func (u *UBoot) setUp(ctx context.Context, cfg Config) error {
	for _, name := range slices.Sorted(maps.Keys(cfg.Env)) {
		if err := u.SetEnv(ctx, name, cfg.Env[name]); err != nil {
			return classify.Wrap(err, "", "uboot.env.%s cannot be set", name)
		}
	}
	for _, chain := range cfg.Setup {
		for _, cmd := range splitChain(chain) {
			if _, err := u.Run(ctx, console.Command{Text: cmd}); err != nil {
				return classify.WithHint(classify.Wrap(err, "", "uboot.setup failed"), "check uboot.setup in the policy: each of its commands must succeed, a `|| true` after one lets it fail")
			}
		}
	}
	return nil
}

// CheckCommand returns an error if a command cannot be typed at this U-Boot.
func (cfg Config) CheckCommand(cmd string) error {
	for _, one := range splitChain(cmd) {
		if err := cfg.dialect(cfg.Prompts[0]).Check(one); err != nil {
			return err
		}
	}
	return nil
}

// CheckVariable returns an error if a variable cannot be set to a value at this U-Boot.
func (cfg Config) CheckVariable(name, value string) error {
	u := &UBoot{simple: cfg.Shell == Simple}
	cmd, err := u.setCommand(name, value)
	if err != nil {
		return err
	}
	return cfg.CheckCommand(cmd)
}
