package bindings

import (
	"context"
	"sync"
	"time"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// states are the Lua states of a script, one for each run. Each begins as the script is after loading; changes
// in one run are not visible in another. Safe for concurrent use.
type states struct {
	src     source
	options Options

	mu     sync.Mutex
	loaded *Script // guarded by mu: the script in the state that Load made; the first run takes it
}

// inspect loads a script. Several runs may use the result concurrently.
func inspect(src source, o Options) (*Script, error) {
	if err := checkModules(o.Modules); err != nil {
		return nil, err
	}
	src.library = &library{}
	all := &states{src: src, options: o}
	first, err := loadInTime(src, o)
	if err != nil {
		return nil, err
	}
	all.loaded = first
	shared := *first
	if first.Policy != nil {
		shared.Policy = all.policy(*first.Policy)
	}
	if first.Program != nil {
		program := *first.Program
		program.start = func(ctx context.Context, run *engine.Program, args []string) error {
			own, err := all.of(ctx)
			if err != nil {
				return err
			}
			return own.Program.start(ctx, run, args)
		}
		shared.Program = &program
	}
	return &shared, nil
}

// of returns the script in the state of ctx's run.
func (all *states) of(ctx context.Context) (*Script, error) {
	return engine.PerRun(ctx, all, func() (*Script, error) {
		all.mu.Lock()
		s := all.loaded
		all.loaded = nil
		all.mu.Unlock()
		if s != nil {
			return s, nil
		}
		src := all.src
		src.again = true
		return loadInTime(src, all.options)
	})
}

// policy returns p with functions that call those of the run's own state.
func (all *states) policy(p engine.Policy) *engine.Policy {
	p.Flash = func(ctx context.Context, s *engine.Session) error {
		own, err := all.of(ctx)
		if err != nil {
			return err
		}
		return own.Policy.Flash(ctx, s)
	}
	p.Transition = func(ctx context.Context, s *engine.Session, to engine.BoardState) error {
		own, err := all.of(ctx)
		if err != nil {
			return err
		}
		return own.Policy.Transition(ctx, s, to)
	}
	if p.Check != nil {
		p.Check = func(ctx context.Context, s *engine.Session, verified *engine.Report) error {
			own, err := all.of(ctx)
			if err != nil {
				return err
			}
			return own.Policy.Check(ctx, s, verified)
		}
	}
	if p.ChooseTarget != nil {
		p.ChooseTarget = func(ctx context.Context, s *engine.Session, ub *uboot.UBoot, sh *shell.Shell) (string, error) {
			own, err := all.of(ctx)
			if err != nil {
				return "", err
			}
			return own.Policy.ChooseTarget(ctx, s, ub, sh)
		}
	}
	if p.Classify != nil {
		p.Classify = func(ctx context.Context, err error, next func(error) classify.Class) (classify.Class, error) {
			own, oerr := all.of(ctx)
			if oerr != nil {
				return classify.None, oerr
			}
			return own.Policy.Classify(ctx, err, next)
		}
	}
	if p.Backoff != nil {
		p.Backoff = func(ctx context.Context, n int, err error, next func(int, error) time.Duration) (time.Duration, error) {
			own, oerr := all.of(ctx)
			if oerr != nil {
				return 0, oerr
			}
			return own.Policy.Backoff(ctx, n, err, next)
		}
	}
	return &p
}

// library keeps the compiled chunks of a script and its modules, for all of its states. Safe for concurrent use.
type library struct {
	mu  sync.Mutex
	all map[string]compiled // guarded by mu: by the module's name; "" is the script
}

// compiled is a module after it was found and compiled.
type compiled struct {
	file, text string
	lua51.Chunk
	embedded bool // it comes with flashlua
}

// get returns a module. The first call for it calls find.
func (l *library) get(name string, find func() (compiled, error)) (compiled, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m, ok := l.all[name]; ok {
		return m, nil
	}
	m, err := find()
	if err == nil {
		if l.all == nil {
			l.all = map[string]compiled{}
		}
		l.all[name] = m
	}
	return m, err
}
