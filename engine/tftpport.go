package engine

import (
	"context"
	"net"
	"os/user"
	"strconv"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/serve"
)

// TFTPPort serves the port of TFTP's requests for the runs of other processes, so that they need no right to open it.
// Plain data: safe for concurrent use while nothing changes it.
type TFTPPort struct {
	Listen string       // address of the station; "" is all addresses
	Group  string       // name or id of the group whose members' runs may use the port; "" is every user's
	Log    func(string) // is called with what happens, for people, from several goroutines; nil is nothing
}

// Serve serves the port until ctx ends, and returns the cause. If a run serves the port, Serve takes its place when the
// run ends.
func (p TFTPPort) Serve(ctx context.Context) error {
	group, err := groupID(p.Group)
	if err != nil {
		return err
	}
	log := p.Log
	if log == nil {
		log = func(string) {}
	}
	return serve.Listen(ctx, net.JoinHostPort(p.Listen, tftpPort), group, log)
}

// groupID returns the id of a group, -1 for "".
func groupID(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		g, err = user.LookupGroupId(name)
	}
	if err != nil {
		return 0, classify.WithHint(classify.New(classify.ConfigPlan, "this station has no group %q", name), "create it with groupadd, or name another one")
	}
	return strconv.Atoi(g.Gid)
}
