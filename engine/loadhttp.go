package engine

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/uboot"
)

// fetchHTTP has U-Boot load a content from the run's HTTP server.
func (s *Session) fetchHTTP(ctx context.Context, ub *uboot.UBoot, f load, c serve.Content) error {
	if err := s.findBoard(ctx, ub, s.httpAddress()); err != nil {
		return err
	}
	host, err := s.stationAddr(ctx, s.httpAddress(), s.boardAddr)
	if err != nil {
		return err
	}
	var sent atomic.Int64
	var requested atomic.Bool
	c.Name = "file" // needs no quotes
	path, withdraw := s.run.http.Offer(serve.Offer{
		Content:   c,
		OnSent:    func(n int64) { f.acked(min(sent.Add(n), f.size)) },
		OnRequest: func(string) { sent.Store(0); requested.Store(true) },
	})
	defer withdraw()
	err = ub.FetchHTTP(ctx, uboot.HTTPFile{What: f.what, Server: host, Port: s.run.http.Port(), Path: path, Size: f.size}, f.address)
	if classify.Find(err, classify.NetHTTP) != nil && !requested.Load() {
		err = classify.WithHint(classify.Wrap(err, "", "no request for %s arrived at the HTTP server of this run, %s port %s", f.what, host, s.run.http.Port()),
			"check net.http in the policy and a firewall on the station")
	}
	return err
}

// loadFileHTTP has U-Boot load a file of the policy from the run's HTTP server, and compares it in RAM.
func (s *Session) loadFileHTTP(ctx context.Context, ub *uboot.UBoot, f bootFile) error {
	to := f.load(s.run.events)
	if err := s.fetchHTTP(ctx, ub, to, serve.Content{Size: f.size, ReaderAt: f.content}); err != nil {
		return err
	}
	return ub.CheckRAM(ctx, f.content, f.size, f.Address, fmt.Sprintf("the load of %s", to.what), classify.NetHTTP)
}

// httpAddress returns the configured address of the HTTP server as the board sees it, "" if it has to be detected.
func (s *Session) httpAddress() string {
	return cmp.Or(s.run.policy.Net.HTTP, s.run.policy.Net.listenAddress())
}
