package engine

import (
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/simboard"
	"github.com/flashlua/flashlua/engine/transport"
)

// NewSimulatedBoard makes a simulated board that a policy fits: its prompts, its login, its media. For the settings see
// simboard.Parse. The caller calls done in the end, which also removes the media if no folder was named for them.
func NewSimulatedBoard(p *Policy, settings string, network simboard.Network) (b *simboard.Board, done func(), err error) {
	return newSimulatedBoard(nil, p, settings, network)
}

func newSimulatedBoard(g *grants, p *Policy, settings string, network simboard.Network) (b *simboard.Board, done func(), err error) {
	cfg, err := simConfig(p, settings)
	if err != nil {
		return nil, nil, err
	}
	cfg.Network = network
	if cfg.Dir != "" {
		if err := g.canWrite(cfg.Dir); err != nil {
			return nil, nil, err
		}
		cfg.Permit = g.permitWrite
	}
	remove := func() error { return nil }
	if cfg.Dir == "" {
		if cfg.Dir, remove, err = lockedTempDir(os.TempDir(), "flashlua-sim"); err != nil {
			return nil, nil, classify.Wrap(err, classify.Config, "there is no place for the simulated board's media")
		}
	}
	if b, err = simboard.New(cfg); err != nil {
		remove()
		return nil, nil, err
	}
	return b, func() {
		b.Close()
		remove()
	}, nil
}

// simConfig is the board that a policy fits.
func simConfig(p *Policy, settings string) (cfg simboard.Config, err error) {
	cfg = simboard.Config{
		Prompt: firstPrompt(p.UBoot.Prompts), Autoboot: p.UBoot.Autoboot, Keys: p.UBoot.Keys, BootPassword: p.UBoot.Password,
		Login: p.Linux.Login, User: p.Linux.User, Password: p.Linux.Password, ShellPrompt: firstPrompt(p.Linux.Prompts),
	}
	if err = simboard.Parse(settings, &cfg); err == nil {
		cfg.Media, err = simMedia(p)
	}
	return cfg, err
}

// firstPrompt is the prompt that a simulated board has.
func firstPrompt(prompts []string) string { return strings.Join(prompts[:min(1, len(prompts))], "") }

var simDevice = regexp.MustCompile(`^/dev/([A-Za-z0-9_-]+)$`)

// simMedia are the block devices that a policy's targets lead to.
func simMedia(p *Policy) (all []simboard.Medium, err error) {
	taken := map[string]bool{}
	add := func(m simboard.Medium) {
		if !taken[m.Name] {
			all = append(all, m)
		}
		taken[m.Name] = true
	}
	names := slices.Sorted(maps.Keys(p.Targets))
	for _, name := range names {
		t := p.Targets[name]
		m := simDevice.FindStringSubmatch(t.Path)
		if t.Sysfs == "" && m == nil {
			return nil, classify.WithHint(classify.New(classify.Config, "target %s: a simulated board has no %s", name, t.Path),
				"it has devices like /dev/vda, and media at an address in sysfs: set one with --set targets.%s=/dev/vda", name)
		}
		if t.Sysfs == "" {
			add(simboard.Medium{Name: m[1]})
		}
	}
	for _, name := range names {
		if bus := p.Targets[name].Sysfs; bus != "" {
			n := 0
			for taken[fmt.Sprintf("mmcblk%d", n)] {
				n++
			}
			add(simboard.Medium{Name: fmt.Sprintf("mmcblk%d", n), Bus: bus + ".mmc"})
		}
	}
	return all, nil
}

// SimulateDryRun checks what Simulate would be given, for a run that touches nothing.
func (e *Engine) SimulateDryRun(p *Policy, settings string) error {
	_, err := simConfig(p, settings)
	e.Simulated = true
	e.OpenPower = func(string) (power.Driver, error) { return nil, nil }
	return err
}

// Simulate puts a simulated board in the place of the hardware, with a network of its own. The caller calls done after
// the run.
func (e *Engine) Simulate(p *Policy, settings string) (b *simboard.Board, done func(), err error) {
	wire := &simboard.Wire{}
	b, done, err = newSimulatedBoard(e.grants, p, settings, wire)
	if err != nil {
		return nil, nil, err
	}
	e.Simulated = true
	e.OpenPort = func(context.Context, string, transport.Line) (transport.Port, error) {
		p, err := b.Open()
		if err != nil {
			return nil, classify.Wrap(err, classify.TransportOpen, "cannot open the simulated board's console")
		}
		return p, nil
	}
	e.OpenPower = func(string) (power.Driver, error) { return b, nil }
	e.Listen, e.ListenUDP = wire.Listen, wire.ListenPacket
	e.SourceAddr = func(context.Context, string) (string, error) { return simboard.Station.String(), nil }
	return b, done, nil
}
