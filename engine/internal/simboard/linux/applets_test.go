package linux

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/testdata/applets"
)

// silentTTY is a serial line on which nothing is typed.
type silentTTY struct{}

func (silentTTY) Write(p []byte) (int, error) { return len(p), nil }

func (silentTTY) Key(ctx context.Context) (byte, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

// sparseDisk is a disk's storage: only what was written takes memory.
type sparseDisk struct{ content }

func (d *sparseDisk) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	d.readAt(p, off)
	return len(p), nil
}

func (d *sparseDisk) WriteAt(p []byte, off int64) (int, error) {
	d.writeAt(p, off)
	return len(p), nil
}

// output collects what the programs of a pipeline print at the same time.
type output struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// runCase runs a case on a board of its own and returns what it did.
func runCase(t *testing.T, c applets.Case) applets.Case {
	t.Helper()
	s := newSystem(t.Context(), Config{
		Clock: clock.Real{},
		Dial:  func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED },
		Lease: func(context.Context) (netip.Prefix, netip.Addr, error) {
			return netip.MustParsePrefix("10.0.2.15/24"), netip.MustParseAddr("10.0.2.2"), nil
		},
		Disks:    []Disk{{Name: "vda", Size: applets.DiskSize, Storage: &sparseDisk{}}},
		Hostname: "flashlua",
	}, silentTTY{}, func(Halt) {})
	if err := s.files.mkdir("/tmp/case", 0o755); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var out output
	std := streams{in: in, out: &out, err: &out}
	code := s.newShell("sh", "sh", "/tmp/case", environment(), std, nil).script(t.Context(), c.Script)
	return applets.Case{Script: c.Script, Want: out.text.String(), Code: code}
}

// TestApplets runs the table on simulated boards.
func TestApplets(t *testing.T) {
	for _, a := range slices.Concat(applets.Anywhere, applets.OnBoard) {
		t.Run(a.Name, func(t *testing.T) {
			var results []applets.Case
			for _, c := range a.Cases {
				results = append(results, runCase(t, c))
			}
			for _, text := range applets.Differences(a.Cases, results) {
				t.Error(text)
			}
		})
	}
}
