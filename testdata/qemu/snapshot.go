package qemu

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

// Save writes the state of a stopped board, without its disk, to a file.
func (b *Board) Save(ctx context.Context, path string) error {
	if _, err := b.QMP(ctx, "migrate", map[string]any{"uri": "exec:cat >'" + path + "'"}); err != nil {
		return err
	}
	return b.poll(ctx, "query-migrate", func(state string) (bool, error) {
		if state == "failed" || state == "cancelled" {
			return false, fmt.Errorf("the state of the board could not be saved: %s", state)
		}
		return state == "completed", nil
	})
}

// Resume starts a board from the saved state of another, with an empty disk in dir. QMP cont lets it go on. Its
// disk must have the size of the other's, and the other must not have read from its disk.
func (a Arch) Resume(ctx context.Context, dir string, diskSize int64, path string) (*Board, error) {
	b, err := a.start(ctx, dir, diskSize, "-incoming", "exec:cat '"+path+"'")
	if err != nil {
		return nil, err
	}
	if err := b.poll(ctx, "query-status", func(state string) (bool, error) { return state != "inmigrate", nil }); err != nil {
		b.Stop()
		return nil, fmt.Errorf("the board does not resume: %w\n%s", err, &b.stderr)
	}
	return b, nil
}

// poll asks for a status until done reports true.
func (b *Board) poll(ctx context.Context, command string, done func(status string) (bool, error)) error {
	for {
		raw, err := b.QMP(ctx, command)
		if err != nil {
			return err
		}
		var state struct{ Status string }
		if err := json.Unmarshal(raw, &state); err != nil {
			return err
		}
		if ok, err := done(state.Status); ok || err != nil {
			return err
		}
		if err := (clock.Real{}).Sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}
