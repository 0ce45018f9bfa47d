package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/transport"
	"github.com/flashlua/flashlua/engine/uboot"
)

// LoadWay is a way to get files into a board's RAM: one of StationWays, or the partition of a medium of the board as
// U-Boot's load takes it, "usb 0:1". Its values are constants: safe for concurrent use.
type LoadWay string

// The ways on which the station sends.
const (
	LoadByTFTP   LoadWay = "tftp"
	LoadByHTTP   LoadWay = "http"
	LoadBySerial LoadWay = "serial"
)

// StationWays are the ways on which the station sends. It must not be changed.
var StationWays = []LoadWay{LoadByTFTP, LoadByHTTP, LoadBySerial}

// Valid reports whether w is a way to load.
func (w LoadWay) Valid() bool { return slices.Contains(StationWays, w) || uboot.IsMediaName(string(w)) }

// LoadOptions says how LoadBy gets files into the board's RAM. Plain data: safe for concurrent use.
type LoadOptions struct {
	By   LoadWay // "" is LoadByTFTP, or LoadByHTTP with Net.NoTFTP
	Baud int     // speed of the console during LoadBySerial; 0: the console's own
}

// Check returns an error of kind config.policy if o says no way to load.
func (o LoadOptions) Check() error {
	switch {
	case o.By != "" && !o.By.Valid():
		return classify.WithHint(classify.New(classify.ConfigPolicy, "%q is no way to load a file", string(o.By)),
			`by is "tftp", "http", "serial", or a partition as U-Boot's load takes it: "usb 0:1", "mmc 1:2"`)
	case o.Baud != 0 && o.By != LoadBySerial:
		return classify.WithHint(classify.New(classify.ConfigPolicy, "baud is the speed of a load over the console"), `set by = "serial", or leave baud out`)
	}
	return nil
}

// checkForWrite returns an error if parts of an image cannot be got in this way at a prompt.
func (o LoadOptions) checkForWrite(p Prompt) error {
	if _, inUBoot := p.(*uboot.UBoot); !inUBoot && o != (LoadOptions{}) {
		return classify.WithHint(classify.New(classify.ConfigPolicy, "a Linux in RAM fetches the image by HTTP"), "leave out by and baud, which are for U-Boot")
	}
	if o.By != "" && !slices.Contains(StationWays, o.By) {
		return classify.WithHint(classify.New(classify.ConfigPolicy, "%q is no way to get an image to U-Boot", string(o.By)), `by is "tftp", "http" or "serial"`)
	}
	return o.Check()
}

// way returns the way to load.
func (o LoadOptions) way(n Net) LoadWay {
	switch {
	case o.By != "":
		return o.By
	case n.NoTFTP:
		return LoadByHTTP
	}
	return LoadByTFTP
}

// loadBy has U-Boot load a file of the policy.
func (s *Session) loadBy(ctx context.Context, ub *uboot.UBoot, f bootFile, opt LoadOptions) error {
	switch opt.way(s.run.policy.Net) {
	case LoadByTFTP:
		if s.run.policy.Net.NoTFTP {
			return classify.WithHint(classify.New(classify.ConfigPlan, "U-Boot cannot load the %s file by TFTP: net.tftp_server is false", f.name),
				`leave out by = "tftp", or remove net.tftp_server`)
		}
		server, err := s.tftpServer(ctx, ub)
		if err != nil {
			return err
		}
		return s.loadFile(ctx, ub, f, server)
	case LoadByHTTP:
		return s.loadFileHTTP(ctx, ub, f)
	case LoadBySerial:
		to := f.load(s.run.events)
		to.what = f.name
		return s.loadSerial(ctx, ub, to, f.content, opt.Baud)
	}
	return ub.LoadMedia(ctx, string(opt.By), filepath.Base(f.Path), f.content, f.size, f.Address)
}

// loadSerial has U-Boot load a content over the console.
func (s *Session) loadSerial(ctx context.Context, ub *uboot.UBoot, f load, content io.ReaderAt, baud int) error {
	if s.run.files.noBaud {
		baud = 0
	}
	began := s.run.Clock.Now()
	at := cmp.Or(s.run.policy.Console.Line.Baud, transport.DefaultBaud)
	if ub.Speed() != 0 && baud != 0 {
		at = baud
	}
	s.Note(fmt.Sprintf("%s: %d bytes over the console, about %s at %d baud", f.what, f.size, serialTime(f.size, at), at))
	opt := uboot.SerialOptions{Name: f.name, Baud: baud, Note: s.Note}
	err := ub.LoadSerial(ctx, content, f.size, f.address, opt, f.acked)
	if errors.Is(err, uboot.ErrSpeed) {
		s.run.files.noBaud = true
	}
	if err == nil {
		took := s.run.Clock.Now().Sub(began)
		s.Note(fmt.Sprintf("%s: %.1f kB/s over the console", f.what, float64(f.size)/1e3/max(took.Seconds(), 0.001)))
	}
	return err
}

// serialTime returns how long so many bytes take at a speed: 10 bits a byte, and an eighth for blocks and answers.
func serialTime(size int64, baud int) time.Duration {
	return (time.Duration(float64(size) * 11.25 / float64(baud) * float64(time.Second))).Round(time.Second)
}
