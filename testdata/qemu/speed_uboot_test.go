package qemu

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/uboot"
)

const (
	ubootWanted   = 1.0 / 3 // of the time that U-Boot's commands take by hand, at most
	ubootReflash  = 0.5     // of the time of a flash, for a medium that holds nearly the same image
	ubootPart     = 64 << 20
	ubootPartRAM  = 0x42000000
	ubootCheckRAM = ubootPartRAM + ubootPart
)

// BenchmarkUBootFlash has U-Boot alone flash a board, from power-on to the proof, compared with a good script: tftpboot
// of the raw image from Debian's server in parts that fit the RAM, virtio write, and crc32 of what is read back.
func BenchmarkUBootFlash(b *testing.B) {
	const what = "flash and verify 256 MiB by U-Boot in QEMU"
	needBoard(b, what)
	f := &ubootRace{flashRace{rig: ARM64.newRigOf(b, flashDisk), im: newScattered(b, flashSize)}}
	parts, sums, err := f.im.cut(b, ubootPart)
	must(b, err)
	if err := serveTheirs(b, parts); err != nil {
		leaveOut(b, what, err)
	}
	older := f.older(b)
	medians, err := race(b, rounds(b), "s",
		side{"flashlua", func() (float64, error) { return f.ours(f.blank) }},
		side{"tftpboot, write, crc32", func() (float64, error) { return f.byUBoot(sums) }},
		side{"flashlua, a tenth new", func() (float64, error) { return f.ours(older) }},
		side{"flashlua, slow medium", func() (float64, error) { return f.ours(f.slow(f.blank)) }},
		side{"flashlua, slow medium, a tenth new", func() (float64, error) { return f.ours(f.slow(older)) }})
	must(b, err)
	compare(b, what+" compared with tftpboot, virtio write, crc32", "s", medians[0], medians[1], ubootWanted)
	compare(b, what+", a tenth of the data new, compared with all new", "s", medians[2], medians[0], 0)
	compare(b, fmt.Sprintf("the same on a medium of %d MB/s", reflashWrite/1_000_000), "s", medians[4], medians[3], ubootReflash)
	b.ReportMetric(0, "ns/op")
}

// cut writes the image in parts of n bytes to files of a new folder, and returns their CRCs.
func (im *scattered) cut(b *testing.B, n int64) (dir string, sums []string, err error) {
	dir = b.TempDir()
	f, err := os.Open(im.raw)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	for at := int64(0); at < im.size; at += n {
		part := make([]byte, min(n, im.size-at))
		if _, err := io.ReadFull(f, part); err != nil {
			return "", nil, err
		}
		sums = append(sums, fmt.Sprintf("%08x", crc32.ChecksumIEEE(part)))
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("part", at/n)), part, 0o644); err != nil {
			return "", nil, err
		}
	}
	return dir, sums, nil
}

// ubootRace is a board that both sides flash by its U-Boot.
type ubootRace struct{ flashRace }

// older returns a function that starts a new board, whose medium holds an earlier version of the image.
func (f *ubootRace) older(b *testing.B) func() error {
	path := f.im.older(b)
	return func() error {
		if err := f.blank(); err != nil {
			return err
		}
		old, err := os.Open(path)
		if err != nil {
			return err
		}
		defer old.Close()
		return overwrite(f.Disk, old, f.im.size)
	}
}

// slow returns a function that prepares a board, and makes its medium as slow as an SD card.
func (f *ubootRace) slow(prepare func() error) func() error {
	return func() error {
		if err := prepare(); err != nil {
			return err
		}
		_, err := f.QMP(f.t.Context(), "block_set_io_throttle", map[string]any{
			"device": "disk", "bps": 0, "bps_rd": reflashRead, "bps_wr": reflashWrite, "iops": 0, "iops_rd": 0, "iops_wr": 0,
		})
		return err
	}
}

// ours is timed from the start of the run, before the image is read, to its end.
func (f *ubootRace) ours(prepare func() error) (took float64, err error) {
	if err := prepare(); err != nil {
		return 0, err
	}
	f.image = f.im.raw
	p := f.load(policyFile(), map[string]string{"limits.attempt": "1h", "limits.total": "24h"})
	p.Method = engine.ByUBoot
	p.Targets = map[string]engine.Target{"disk": {Name: "disk", UBoot: "virtio 0"}}
	p.Flash = func(ctx context.Context, s *engine.Session) error {
		ub, err := f.prompt(ctx, s)
		if err != nil {
			return err
		}
		return s.Write(ctx, ub)
	}
	f.wake()
	var rep *engine.Report
	took, err = timed(func() error {
		rep = engine.Engine{}.Run(f.t.Context(), p, f.job(0))
		return rep.Err
	})
	if err != nil {
		return 0, err
	}
	return took, f.verify()
}

func (f *ubootRace) prompt(ctx context.Context, s *engine.Session) (*uboot.UBoot, error) {
	ub, err := toUBoot(ctx, s)
	if err == nil {
		_, err = s.DHCP(ctx, ub)
	}
	return ub, err
}

// byUBoot drives U-Boot by hand. It is timed from power-on to the last CRC.
func (f *ubootRace) byUBoot(sums []string) (took float64, err error) {
	if err := f.blank(); err != nil {
		return 0, err
	}
	f.image = f.rig.write("none", "x\x00") // the engine wants one; it is not what is written
	err = errors.New("the board was not reached")
	f.driveWithin(flashLimit.String(), func(ctx context.Context, s *engine.Session, _ *engine.Policy) error {
		took, err = timed(func() error { return f.parts(ctx, s, sums) })
		return err
	})
	if err != nil {
		return 0, err
	}
	return took, f.verify()
}

func (f *ubootRace) parts(ctx context.Context, s *engine.Session, sums []string) error {
	ub, err := f.prompt(ctx, s)
	if err != nil {
		return err
	}
	run := func(format string, args ...any) (out string) {
		if err == nil {
			out, err = ub.Run(ctx, console.Command{Text: fmt.Sprintf(format, args...), Timeout: 10 * time.Minute})
		}
		return out
	}
	const blocks = ubootPart / 512
	for i := range sums {
		run("tftpboot %#x %s:part%d", ubootPartRAM, tftpTheirs, i)
		run("virtio write %#x %#x %#x", ubootPartRAM, i*blocks, blocks)
	}
	for i, sum := range sums {
		run("virtio read %#x %#x %#x", ubootCheckRAM, i*blocks, blocks)
		if out := run("crc32 %#x %#x", ubootCheckRAM, ubootPart); err == nil && !strings.Contains(out, sum) {
			err = fmt.Errorf("part %d reads back as %s; want %s", i, out, sum)
		}
	}
	return err
}
