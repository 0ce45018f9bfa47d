// Package simulate runs policies on a simulated board: U-Boot, Linux, a network and media that fit the policy,
// with faults on request. A program that imports it can name the port "sim:" wherever the engine takes a port.
//
// It owns the way from a policy to a simulated board. It does not know how the board works.
package simulate

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/internal/simboard"
	"github.com/flashlua/flashlua/engine/internal/tempdir"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/transport"
)

func init() {
	engine.RegisterSimulator(func(e *engine.Engine, p *engine.Policy, settings string, dryRun bool) (func(), error) {
		if dryRun {
			return func() {}, attachNone(e, p, settings)
		}
		b, err := Attach(e, p, settings)
		return b.Close, err
	})
}

// Setting is one of the settings that may follow "sim:", as NAME=VALUE. Plain data: safe for concurrent use.
type Setting struct{ Name, Value, Does string }

// Settings returns the settings, in the order of the documents.
func Settings() []Setting {
	var all []Setting
	for _, s := range simboard.Settings {
		all = append(all, Setting{s.Name, s.Value, s.Does})
	}
	return all
}

// Board is a simulated board, which is off at first. It is a power.Driver. Safe for concurrent use.
type Board struct {
	board  *simboard.Board
	remove func() error
}

// New makes a simulated board that fits p: its prompts, its login, its media. Settings are NAME=VALUE,
// separated by commas; their errors are of kind config. The caller closes the board.
func New(p *engine.Policy, settings string) (*Board, error) {
	return newBoard(&engine.Engine{}, p, settings, nil)
}

// Attach puts a simulated board in the place of the hardware of e, with a network of its own. The caller closes
// the board after the run.
func Attach(e *engine.Engine, p *engine.Policy, settings string) (*Board, error) {
	wire := &simboard.Wire{}
	b, err := newBoard(e, p, settings, wire)
	if err != nil {
		return nil, err
	}
	e.Simulated = true
	e.OpenPort = func(context.Context, string, transport.Line) (transport.Port, error) {
		port, err := b.board.Open()
		if err != nil {
			return nil, classify.Wrap(err, classify.TransportOpen, "cannot open the simulated board's console")
		}
		return port, nil
	}
	e.OpenPower = func(string) (power.Driver, error) { return b.board, nil }
	e.Listen, e.ListenUDP = wire.Listen, wire.ListenPacket
	e.SourceAddr = func(context.Context, string) (string, error) { return simboard.Station.String(), nil }
	e.USBDisks = b.usbDisks
	return b, nil
}

// usbDisks returns the medium that the board exposes over USB.
func (b *Board) usbDisks() ([]engine.USBDisk, error) {
	x, ok := b.board.Exposed()
	if !ok {
		return nil, nil
	}
	return []engine.USBDisk{{Device: x.File, Size: x.Size, Simulated: true, Open: x.Open}}, nil
}

// attachNone checks what Attach takes, for a run that touches nothing.
func attachNone(e *engine.Engine, p *engine.Policy, settings string) error {
	_, err := config(p, settings)
	e.Simulated = true
	e.OpenPower = func(string) (power.Driver, error) { return nil, nil }
	return err
}

func newBoard(e *engine.Engine, p *engine.Policy, settings string, network simboard.Network) (*Board, error) {
	cfg, err := config(p, settings)
	if err != nil {
		return nil, err
	}
	cfg.Network = network
	remove := func() error { return nil }
	if cfg.Dir != "" {
		if err := e.CheckWrite(cfg.Dir); err != nil {
			return nil, err
		}
		cfg.Permit = e.PermitWrite
	} else if cfg.Dir, remove, err = tempdir.Make(os.TempDir(), "flashlua-sim"); err != nil {
		return nil, classify.Wrap(err, classify.Config, "there is no place for the simulated board's media")
	}
	b, err := simboard.New(cfg)
	if err != nil {
		remove()
		return nil, err
	}
	return &Board{b, remove}, nil
}

// Open connects to the board's serial line. One connection at a time sees what the board prints.
func (b *Board) Open() (io.ReadWriteCloser, error) { return b.board.Open() }

// Check implements power.Driver.
func (b *Board) Check(ctx context.Context) error { return b.board.Check(ctx) }

// On implements power.Driver: it resets a board that is on.
func (b *Board) On(ctx context.Context) error { return b.board.On(ctx) }

// Off implements power.Driver.
func (b *Board) Off(ctx context.Context) error { return b.board.Off(ctx) }

// Files returns the paths of the board's media on the station.
func (b *Board) Files() []string { return b.board.Files() }

// File returns the path of a medium on the station, by its name on the board: vda.
func (b *Board) File(medium string) string { return b.board.File(medium) }

// Fired returns how often each fault struck, by the name of its setting.
func (b *Board) Fired() map[string]int { return b.board.Faults().Fired() }

// Close switches the board off, and removes its media unless the setting dir names their directory.
func (b *Board) Close() {
	b.board.Close()
	b.remove()
}

// config is the board that a policy fits.
func config(p *engine.Policy, settings string) (cfg simboard.Config, err error) {
	cfg = simboard.Config{
		Prompt: firstPrompt(p.UBoot.Prompts), Autoboot: p.UBoot.Autoboot, Keys: p.UBoot.Keys, BootPassword: p.UBoot.Password, UBootCommands: slices.Concat(p.UBoot.Setup, []string{p.UBoot.Network}),
		Shell: p.UBoot.Shell, Quiet: p.UBoot.Autoboot == "", NoAutoboot: p.UBoot.Autoboot == "" && p.UBoot.Keys == "" && p.UBoot.Password == "",
		Login: p.Linux.Login, User: p.Linux.User, Password: p.Linux.Password, ShellPrompt: firstPrompt(p.Linux.Prompts),
	}
	if err = simboard.Parse(settings, &cfg); err == nil {
		err = addMedia(&cfg, p)
	}
	return cfg, err
}

// firstPrompt is the prompt that a simulated board has.
func firstPrompt(prompts []string) string { return strings.Join(prompts[:min(1, len(prompts))], "") }
