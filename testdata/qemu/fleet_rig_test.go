package qemu

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/lab"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/simulate"
	"github.com/flashlua/flashlua/engine/transport"
)

// fleetMemory is the memory limit of the command flashlua, in bytes. The boards of a rig are in the same process, and
// each may hold the image in its RAM, too.
const fleetMemory = 256 << 20

// fleetRig has simulated boards on sockets of this machine. Each has the station at a loopback address of its own,
// because TFTP has one port for each address.
type fleetRig struct {
	dir, image string
	size       int64
}

// newFleetRig writes an image of a size that does not compress, a boot file and the policy.
func newFleetRig(b testing.TB, size int64) *fleetRig {
	b.Helper()
	if os.Getuid() != 0 {
		b.Skip("LEFT OUT: boards on sockets: TFTP's port 69 needs root")
	}
	r := &fleetRig{dir: b.TempDir(), size: size}
	r.image = filepath.Join(r.dir, "disk.img")
	random := rand.NewChaCha8([32]byte{})
	content, kernel := make([]byte, size), make([]byte, min(4<<20, size/4))
	random.Read(content)
	random.Read(kernel)
	copy(kernel[56:], "ARM\x64")
	for path, text := range map[string][]byte{r.image: content, filepath.Join(r.dir, "Image"): kernel} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	limit := debug.SetMemoryLimit(fleetMemory + fleetAtOnce*size)
	b.Cleanup(func() { debug.SetMemoryLimit(limit) })
	return r
}

const fleetPolicy = `return {
	name = "fleet", targets = { disk = "/dev/vda" },
	files = { kernel = { "Image", 0x40400000 } },
	boot = "booti ${kernel_addr} - ${fdtcontroladdr}",
	limits = { attempt = "10m", total = "30m" },
}`

// fleetAddress returns an address of the station for the board i, below 250. No rig of this or another process has it.
func fleetAddress(i int) string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 128+pid>>8%64, pid%256, 1+i)
}

// flash flashes n boards, some at a time. It returns the reports.
func (r *fleetRig) flash(ctx context.Context, n, parallel int) ([]lab.Result, error) {
	stations := make([]lab.Station, n)
	flashes := make([]engine.Flash, n)
	for i := range n {
		s := fleetAddress(i)
		stations[i] = lab.Station{Name: fmt.Sprint("board-", i)}
		p, err := bindings.LoadText("fleet.lua", fleetPolicy, bindings.Options{Set: map[string]string{"net.listen": s, "net.http": s, "net.tftp": s}})
		if err != nil {
			return nil, err
		}
		flashes[i] = engine.Flash{Policy: p, Job: engine.Job{Image: r.image, FilesDir: r.dir, Port: fmt.Sprint("tcp:127.0.0.1:", i+1), Power: "none"}}
	}
	shared := &engine.SharedImages{}
	defer shared.Close()
	if err := errors.Join(engine.Engine{}.PlanAll(ctx, flashes, shared)...); err != nil {
		return nil, err
	}
	return lab.Fleet{Parallel: parallel}.Run(ctx, stations, func(ctx context.Context, i int, _ lab.Station) *engine.Report {
		return r.flashOne(ctx, flashes[i], shared)
	}), nil
}

func (r *fleetRig) flashOne(ctx context.Context, f engine.Flash, shared *engine.SharedImages) *engine.Report {
	board, err := simulate.New(f.Policy, fmt.Sprintf("size=%d", r.size>>20+16))
	if err != nil {
		return engine.RefusedReport(err)
	}
	defer board.Close()
	e := engine.Engine{
		Images:    shared,
		OpenPower: func(string) (power.Driver, error) { return board, nil },
		OpenPort: func(context.Context, string, transport.Line) (transport.Port, error) {
			port, err := board.Open()
			return port, err
		},
	}
	return e.Run(ctx, f.Policy, f.Job)
}

// firstAttempts returns an error unless every board is verified by its first attempt.
func firstAttempts(results []lab.Result) error {
	var errs []error
	for _, x := range results {
		if x.Verified() && x.Report.Attempt == 1 {
			continue
		}
		errs = append(errs, fmt.Errorf("%s is %s after attempt %d: %v", x.Station.Name, x.Report.Result, x.Report.Attempt, x.Report.Err))
		for _, a := range x.Report.Attempts {
			errs = append(errs, fmt.Errorf("%s: attempt %d: %s", x.Station.Name, a.Number, a.Error))
		}
	}
	return errors.Join(errs...)
}

// TestFleet flashes 50 boards at once, eight at a time: every one is verified by its first attempt.
func TestFleet(t *testing.T) {
	r := newFleetRig(t, 4<<20)
	results, err := r.flash(t.Context(), 50, 8)
	must(t, err)
	must(t, firstAttempts(results))
}
