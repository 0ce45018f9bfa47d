package engine

import (
	"context"
	"fmt"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/uboot"
)

// newUBootFlasher returns what writes with the commands of a U-Boot.
func (s *Session) newUBootFlasher(ub *uboot.UBoot) *flash.UBootFlasher {
	return &flash.UBootFlasher{
		Prompt: ub, Line: ub.Line, RAM: flash.RAM(s.run.policy.UBoot.RAM), Clock: s.run.Clock, Progress: s.run.events.progress, Resume: &s.run.resume,
		Way: func() flash.LoadWay { return flasherWays[s.write.load.way(s.run.policy.Net)] },
		Fetch: func(ctx context.Context, c serve.Content, address uint64, acked func(int64)) error {
			return s.fetch(ctx, ub, c, address, acked)
		},
	}
}

// flasherWays are what the flasher needs to know of each of StationWays.
var flasherWays = map[LoadWay]flash.LoadWay{
	LoadByTFTP:   {Command: "tftpboot", Kind: classify.NetTFTP},
	LoadByHTTP:   {Command: "wget", Kind: classify.NetHTTP},
	LoadBySerial: {Command: "loady", Kind: classify.LoadSerial},
}

// fetch has U-Boot load a content from the station.
func (s *Session) fetch(ctx context.Context, ub *uboot.UBoot, c serve.Content, address uint64, acked func(int64)) error {
	s.run.pieces++
	c.Name = fmt.Sprintf("p/%d", s.run.pieces) // no name of a boot file has a slash
	part := load{what: "a part of the image", name: s.run.token + "/" + c.Name, address: address, size: c.Size, acked: acked}
	switch s.write.load.way(s.run.policy.Net) {
	case LoadBySerial:
		return s.loadSerial(ctx, ub, part, c, s.write.load.Baud)
	case LoadByHTTP:
		return s.fetchHTTP(ctx, ub, part, c.ReaderAt)
	}
	if s.run.files.dir != "" {
		name, remove, err := s.run.files.put(c, s.run.pieces)
		defer remove()
		if err != nil {
			return err
		}
		part.name = name
	} else if s.run.files.tftp == nil {
		return classify.WithHint(classify.New(classify.ConfigPlan, "U-Boot cannot load a part of the image: this run has no TFTP server"),
			"leave out by = \"tftp\", or net.tftp_server = false")
	}
	server, err := s.tftpServer(ctx, ub)
	if err != nil {
		return err
	}
	if s.run.files.dir == "" {
		defer s.run.files.tftp.Offer(c)()
	}
	return s.load(ctx, ub, part, server)
}
