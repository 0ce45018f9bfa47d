package qemu

import (
	"context"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// toUBoot takes a board from its power switch to U-Boot's prompt.
func toUBoot(ctx context.Context, s *engine.Session) (*uboot.UBoot, error) {
	if err := s.PowerCycle(ctx); err != nil {
		return nil, err
	}
	return s.UBoot(ctx)
}

// fromUBoot takes a board from there to a shell of Linux.
func fromUBoot(ctx context.Context, s *engine.Session, p *engine.Policy, ub *uboot.UBoot) (*shell.Shell, error) {
	if _, err := s.DHCP(ctx, ub); err != nil {
		return nil, err
	}
	if err := s.Load(ctx, ub); err != nil {
		return nil, err
	}
	return s.Boot(ctx, ub, p.Boot)
}

// toLinux takes a board from its power switch to a shell of Linux.
func toLinux(ctx context.Context, s *engine.Session, p *engine.Policy) (*shell.Shell, error) {
	ub, err := toUBoot(ctx, s)
	if err != nil {
		return nil, err
	}
	return fromUBoot(ctx, s, p, ub)
}
