package engine

import (
	"context"
	"sync"
)

// values are the values of one run, by key.
type values struct {
	mu  sync.Mutex // guards all
	all map[any]any
}

type valuesKey struct{}

// withValues returns the context of a run, in which PerRun keeps values.
func withValues(ctx context.Context) context.Context {
	return context.WithValue(ctx, valuesKey{}, &values{all: map[any]any{}})
}

// PerRun returns the value of a key in the run to which ctx belongs. The first call in a run creates it with
// create; an error of create is returned and not kept. Outside of a run, each call creates a value. It is for the
// state of a policy's functions, which several runs may call at once. Safe for concurrent use.
func PerRun[T any](ctx context.Context, key any, create func() (T, error)) (T, error) {
	run, ok := ctx.Value(valuesKey{}).(*values)
	if !ok {
		return create()
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	if v, ok := run.all[key].(T); ok {
		return v, nil
	}
	v, err := create()
	if err == nil {
		run.all[key] = v
	}
	return v, err
}
