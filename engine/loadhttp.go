package engine

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/uboot"
)

// minHTTP is the least size of a file that U-Boot loads by HTTP, in bytes. A wget of 2025.01 without lwIP fails, as all
// later ones do, if an answer ends in the packet of its header. What is smaller is padded with zeros.
const minHTTP = 2048

// padded is a content with zeros after it.
type padded struct {
	content io.ReaderAt
	size    int64 // of the content
}

func (p padded) ReadAt(b []byte, off int64) (int, error) {
	clear(b)
	if off >= p.size {
		return len(b), nil
	}
	part := b[:min(int64(len(b)), p.size-off)]
	if n, err := p.content.ReadAt(part, off); n < len(part) {
		return n, err
	}
	return len(b), nil
}

// fetchHTTP has U-Boot load a content from the run's HTTP server. It may write minHTTP bytes.
func (s *Session) fetchHTTP(ctx context.Context, ub *uboot.UBoot, f load, content io.ReaderAt) error {
	if err := s.findBoard(ctx, ub, s.httpAddress()); err != nil {
		return err
	}
	host, err := s.stationAddr(ctx, s.httpAddress(), s.boardAddr)
	if err != nil {
		return err
	}
	var sent atomic.Int64
	var requested atomic.Bool
	c := serve.Content{Name: "file", Size: f.size, ReaderAt: content} // a name that needs no quotes
	if f.size < minHTTP {
		c.Size, c.ReaderAt = minHTTP, padded{content, f.size}
	}
	path, withdraw := s.run.http.Offer(serve.Offer{
		Content:   c,
		OnSent:    func(n int64) { f.acked(min(sent.Add(n), f.size)) },
		OnRequest: func(string) { sent.Store(0); requested.Store(true) },
	})
	defer withdraw()
	err = ub.FetchHTTP(ctx, uboot.HTTPFile{What: f.what, Server: host, Port: s.run.http.Port(), Path: path, Size: c.Size}, f.address)
	if classify.Find(err, classify.NetHTTP) != nil && !requested.Load() {
		err = classify.WithHint(classify.Wrap(err, "", "no request for %s arrived at the HTTP server of this run, %s port %s", f.what, host, s.run.http.Port()),
			"check net.http in the policy and a firewall on the station")
	}
	return err
}

// loadFileHTTP has U-Boot load a file of the policy from the run's HTTP server, and compares it in RAM.
func (s *Session) loadFileHTTP(ctx context.Context, ub *uboot.UBoot, f bootFile) error {
	to := f.load(s.run.events)
	if err := s.fetchHTTP(ctx, ub, to, f.content); err != nil {
		return err
	}
	return ub.CheckRAM(ctx, f.content, f.size, f.Address, fmt.Sprintf("the load of %s", to.what), classify.NetHTTP)
}

// httpAddress returns the configured address of the HTTP server as the board sees it, "" if it has to be detected.
func (s *Session) httpAddress() string {
	return cmp.Or(s.run.policy.Net.HTTP, s.run.policy.Net.listenAddress())
}
