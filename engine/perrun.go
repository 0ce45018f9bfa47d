package engine

import (
	"context"
	"sync"
)

// values are what belongs to one run, by key.
type values struct {
	mu  sync.Mutex
	all map[any]any // mu guards it
}

type valuesKey struct{}

// withValues returns the context of a run.
func withValues(ctx context.Context) context.Context {
	return context.WithValue(ctx, valuesKey{}, &values{all: map[any]any{}})
}

// PerRun returns the value of a key in the run that ctx is of. The first call of a run makes it. A value that cannot be made
// is not kept. Outside of a run, each call makes a value of its own. The functions of a policy that several runs use at once
// keep their state by it. Safe for concurrent use.
func PerRun[T any](ctx context.Context, key any, make func() (T, error)) (T, error) {
	run, ok := ctx.Value(valuesKey{}).(*values)
	if !ok {
		return make()
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	if v, ok := run.all[key].(T); ok {
		return v, nil
	}
	v, err := make()
	if err == nil {
		run.all[key] = v
	}
	return v, err
}
