package qemu

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/testdata/built"
)

const (
	flashSize   = 256 << 20
	flashDisk   = flashSize + 32<<20
	flashWanted = 1.0 / 3 // of the time that the board's own tools take, at most
	flashLimit  = 30 * time.Minute
)

// BenchmarkFlash flashes a board from power-on to the proof, compared with a good script: the board's own tools
// fetch the packed image, unpack it and write it, and then read the medium back.
func BenchmarkFlash(b *testing.B) {
	const what = "flash and verify 256 MiB in QEMU"
	needBoard(b, what)
	f := &flashRace{rig: ARM64.newRigOf(b, flashDisk), im: newScattered(b, flashSize).pack(b)}
	f.web = serveFile(b, f.im.packed)
	built.Program(b) // is built before a side is timed
	var writes []float64
	medians, err := race(b, rounds(b), "s",
		side{"flashlua", func() (float64, error) { return f.ours(policyFile()) }},
		side{"wget | xzcat | dd", func() (float64, error) {
			write, all, err := f.theirs(nil)
			writes = append(writes, write)
			return all, err
		}})
	must(b, err)
	compare(b, what+" compared with wget, xzcat, dd, sha256sum", "s", medians[0], medians[1], flashWanted)
	compare(b, what+" compared with wget, xzcat, dd without proof", "s", medians[0], median(writes), 0)
	must(b, f.survey(b))
	b.ReportMetric(0, "ns/op")
}

// flashRace is a board that both sides flash.
type flashRace struct {
	*rig
	im  *scattered
	web *fileServer
	out string // what flashlua printed last
}

// blank starts a new board for the race, and fills its medium with ones.
func (f *flashRace) blank() error {
	if err := f.Stop(); err != nil {
		return err
	}
	f.rig = ARM64.newRigOf(f.t, flashDisk)
	return overwrite(f.Disk, ones{}, flashDisk)
}

func (f *flashRace) verify() error { return holds(f.Disk, f.im.raw, extent{0, f.im.size}) }

// ours runs the binary. It is timed from its start, before it reads the image, to its end.
func (f *flashRace) ours(policy string) (took float64, err error) {
	if err := f.blank(); err != nil {
		return 0, err
	}
	f.image = f.im.packed
	cmd := f.command(policy)
	remove, err := cold(cmd)
	if err != nil {
		return 0, err
	}
	defer remove()
	took, err = timed(func() (err error) {
		f.out, err = output(cmd)
		return err
	})
	if err != nil {
		return 0, err
	}
	return took, f.verify()
}

// look is called with a shell before the network is up, and after the medium was read back.
type look func(context.Context, *shell.Shell) error

// theirs drives the board by hand. It is timed from power-on, until the medium is written and until it is read
// back.
func (f *flashRace) theirs(l look) (write, all float64, err error) {
	if err := f.blank(); err != nil {
		return 0, 0, err
	}
	f.image = f.rig.write("none", "x\x00") // the engine wants one; it is not what is written
	err = errors.New("the board was not reached")
	f.driveWithin(flashLimit.String(), func(ctx context.Context, s *engine.Session, p *engine.Policy) error {
		write, all, err = f.byHand(ctx, s, p, l)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	return write, all, f.verify()
}

func (f *flashRace) byHand(ctx context.Context, s *engine.Session, p *engine.Policy, l look) (write, all float64, err error) {
	began := clock.Real{}.Now()
	since := func() float64 { return clock.Real{}.Now().Sub(began).Seconds() }
	sh, err := toLinux(ctx, s, p)
	if err != nil {
		return 0, 0, err
	}
	if l != nil {
		if err := l(ctx, sh); err != nil {
			return 0, 0, err
		}
	}
	if _, err := sh.Network(ctx); err != nil {
		return 0, 0, err
	}
	flash := fmt.Sprintf("wget -q -O- http://10.0.2.2:%s | xzcat | dd of=/dev/vda bs=64k oflag=direct", f.web.at())
	if _, err := sh.Run(ctx, console.Command{Text: flash, Timeout: flashLimit}); err != nil {
		return 0, 0, err
	}
	write = since()
	proof := fmt.Sprintf("dd if=/dev/vda bs=1M count=%d iflag=direct | sha256sum", f.im.size>>20)
	out, err := sh.Run(ctx, console.Command{Text: proof, Timeout: flashLimit})
	if err == nil && !strings.Contains(out, f.im.sum) {
		err = fmt.Errorf("the medium does not hold the image: %s", out)
	}
	all = since()
	if err == nil && l != nil {
		err = l(ctx, sh)
	}
	return write, all, err
}
