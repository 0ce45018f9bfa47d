package engine

import (
	"context"

	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// Prompt is where commands that write a medium, or read it back, are typed: a *shell.Shell or a *uboot.UBoot of the
// session. It must not be used concurrently.
type Prompt interface {
	// Live returns an error if the prompt can no longer be used.
	Live(ctx context.Context) error
}

var (
	_ Prompt = (*shell.Shell)(nil)
	_ Prompt = (*uboot.UBoot)(nil)
)

// livePrompt returns the last prompt of the session that can be used and where all media can be found, nil if there is
// none.
func (s *Session) livePrompt(ctx context.Context, media []*medium) Prompt {
	inLinux, inUBoot := true, true
	for _, m := range media {
		inLinux, inUBoot = inLinux && m.target.InLinux(), inUBoot && m.target.UBoot != ""
	}
	switch {
	case inLinux && s.shell != nil && s.shell.Live(ctx) == nil:
		return s.shell
	case inUBoot && s.uboot != nil && s.uboot.Live(ctx) == nil:
		return s.uboot
	}
	return nil
}
