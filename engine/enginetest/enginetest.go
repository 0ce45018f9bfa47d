// Package enginetest makes parts of the engine's internal packages available to the tests of other packages of
// this repository. It is not for programs that embed flashlua, and changes without notice.
package enginetest

import (
	"context"
	"io"
	"net"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/shell"
)

// BlockSize is the unit in which images are compared and written, in bytes.
const BlockSize = image.BlockSize

// ServeHTTP serves size bytes of r on l as the engine does. It returns the path of the URL.
func ServeHTTP(l net.Listener, r io.ReaderAt, size int64) (path string, stop func() error) {
	h := serve.NewHTTP(l)
	path, _ = h.Offer(serve.Offer{Content: serve.Content{Name: "image", Size: size, ReaderAt: r}})
	return path, h.Close
}

// ServeTFTP serves a file on conn as the engine does. reply opens the sockets of transfers.
func ServeTFTP(conn net.PacketConn, reply func() (net.PacketConn, error), name, content string) (stop func() error) {
	t := serve.NewTFTP("", reply)
	t.Serve(conn)
	t.Offer(serve.Text(name, content))
	return t.Close
}

// Resolver finds targets on a board through a shell, as a run does.
type Resolver struct {
	http    *serve.HTTP
	flasher *flash.ShellFlasher
}

// Resolved is a target that was found.
type Resolved struct{ medium flash.Medium }

// NewResolver returns a resolver that serves files to the board on l. station is the address of l as the board
// sees it.
func NewResolver(l net.Listener, sh *shell.Shell, station string) *Resolver {
	h := serve.NewHTTP(l)
	return &Resolver{h, &flash.ShellFlasher{Shell: sh, HTTP: h, Station: station, Clock: clock.Real{}}}
}

// Close closes the server.
func (r *Resolver) Close() error { return r.http.Close() }

// Resolve finds a target. It returns an error if it must not be written, or has less than size bytes.
func (r *Resolver) Resolve(ctx context.Context, t engine.Target, size int64) (Resolved, error) {
	m, err := r.flasher.Resolve(ctx, flash.Target(t), false)
	if err == nil {
		err = m.Fits(size, true)
	}
	return Resolved{m}, err
}

// Device returns the device's path.
func (f Resolved) Device() string { return f.medium.Device }

// Size returns the device's size, and that of its sectors, in bytes.
func (f Resolved) Size() (device, sector int64) { return f.medium.Size, f.medium.Sector }

// Apart returns an error if targets share bytes of a disk.
func Apart(all ...Resolved) error {
	var media []flash.Medium
	for _, f := range all {
		media = append(media, f.medium)
	}
	return flash.Apart(media)
}
