package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/transport"
)

// secondConsole is a console of the board besides its first one: that of a microcontroller, for example. One goroutine
// at a time uses it.
type secondConsole struct {
	boardConsole
	name string
}

// resolveConsoles checks the ports of the second consoles. The error names every console that is unknown, wrong or
// missing.
func (r *boardRun) resolveConsoles() error {
	var all []error
	known := slices.Sorted(maps.Keys(r.policy.Consoles))
	for _, name := range slices.Sorted(maps.Keys(r.job.Consoles)) {
		if !slices.Contains(known, name) {
			all = append(all, unknownConnection("console", name, r.policy.Name, known))
		}
	}
	takenBy := map[string]string{r.job.Port: "the board's console"}
	for _, name := range known {
		spec, given := r.job.Consoles[name]
		if !given && !r.Simulated {
			all = append(all, missingConnection("console", name, "", transport.Examples()))
			continue
		}
		if given {
			if err := transport.Check(spec); err != nil && r.job.DryRun { // otherwise it is opened before power-on
				f := classify.Facts(err)
				all = append(all, classify.WithHint(classify.New(f.Kind, "console %s: %v", name, err), "%s", f.Hint))
				continue
			}
			if other := takenBy[spec]; other != "" {
				all = append(all, classify.New(classify.Usage, "console %s has the port of %s: each needs its own", name, other))
				continue
			}
			takenBy[spec] = "console " + name
		}
		r.consoles = append(r.consoles, r.newSecondConsole(name, spec))
	}
	return errors.Join(all...)
}

// newSecondConsole returns a console that is not open. That of a simulated board is silent if spec is "".
func (r *boardRun) newSecondConsole(name, spec string) *secondConsole {
	e := r.Engine
	if e.Console != nil {
		e.Console = e.Console.Named(name)
	}
	if e.Simulated { // OpenPort is the simulated board's
		e.OpenPort = transport.Open
		e.Simulated = false
	}
	if spec == "" {
		e.OpenPort = func(context.Context, string, transport.Line) (transport.Port, error) { return newSilentPort(), nil }
	}
	cfg := r.policy.Consoles[name]
	if spec == "" {
		cfg.Ready = ""
	}
	return &secondConsole{boardConsole{engine: &e, secrets: r.secrets, cfg: cfg, spec: spec}, name}
}

// openSecondConsoles opens all of them before the board gets power, so that none of their output is lost.
func (r *boardRun) openSecondConsoles(ctx context.Context) error {
	for _, c := range r.consoles {
		if err := c.open(ctx); err != nil {
			return classify.Wrap(err, "", "console %s", c.name)
		}
		r.cleanups.push("console "+c.name, func() error { return c.Close() })
	}
	return nil
}

// SecondConsole returns a console of the policy besides the board's first one, opened again if it was lost.
func (s *Session) SecondConsole(ctx context.Context, name string) (*console.Console, error) {
	if err := s.CheckActive(); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(s.run.consoles, func(c *secondConsole) bool { return c.name == name })
	if i < 0 {
		return nil, classify.New(classify.ConfigPolicy, "console %s is not connected; the board has %s", name, strings.Join(slices.Sorted(maps.Keys(s.run.policy.Consoles)), ", "))
	}
	return s.run.consoles[i].live(ctx)
}

// skipSecondConsoles drops what the consoles printed before the attempt.
func (s *Session) skipSecondConsoles() {
	for _, c := range s.run.consoles {
		c.Skip()
	}
}
