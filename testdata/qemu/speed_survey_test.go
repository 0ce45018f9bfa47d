package qemu

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/shell"
)

// gauges prints what the board did so far. It is one line, whole, on a console that prints other things too.
const gauges = `echo "gauges $(head -n 1 /proc/stat) net $(cat /sys/class/net/eth0/statistics/rx_bytes) $(cat /sys/class/net/eth0/statistics/tx_bytes)"`

var gauged = regexp.MustCompile(`gauges cpu +([\d ]+) net (\d+) (\d+)`)

// reading is a reading of the gauges.
type reading struct {
	cpu  float64 // seconds
	wire float64 // bytes that its network card sent and received, headers and all
}

// survey flashes once more from each side, untimed, and reports the cost on the board and the wire. It is a flash
// of its own because flashlua reads the medium a second time when a script runs a command after the proof.
func (f *flashRace) survey(b *testing.B) error {
	if _, err := f.ours(f.variant(surveyed)); err != nil {
		return err
	}
	ours, err := spent(f.out)
	if err != nil {
		return err
	}
	f.web.sent.Store(0)
	var said strings.Builder
	_, _, err = f.theirs(func(ctx context.Context, sh *shell.Shell) error {
		out, err := sh.Run(ctx, console.Command{Text: gauges})
		said.WriteString(out + "\n")
		return err
	})
	if err != nil {
		return err
	}
	theirs, err := spent(said.String())
	if err != nil {
		return err
	}
	b.Logf("the file server sent %d bytes for wget", f.web.sent.Load())
	compare(b, "the board's CPU for it", "s", ours.cpu, theirs.cpu, 0)
	compare(b, "what crosses the wire for it", "MB", ours.wire/1e6, theirs.wire/1e6, 0)
	return nil
}

// surveyed is the default sequence with gauges read around the write.
const surveyed = `
local seq = require("lib.uboot_busybox").sequence()
local function gauge(s, job, at) s:log(at.shell:run([[` + gauges + `]])) end
seq:after("linux", { name = "gauge before", run = gauge })
seq:after("write", { name = "gauge after", run = gauge })
board.flash = seq.flash`

// spent is the difference of two readings.
func spent(text string) (reading, error) {
	all := gauged.FindAllStringSubmatch(text, -1)
	if len(all) != 2 {
		return reading{}, fmt.Errorf("%d readings of the board's gauges instead of 2 in\n%s", len(all), text)
	}
	before, after := read(all[0]), read(all[1])
	return reading{after.cpu - before.cpu, after.wire - before.wire}, nil
}

func read(match []string) (r reading) {
	const hertz = 100 // of /proc/stat, on every architecture of Linux that we have
	for i, field := range strings.Fields(match[1]) {
		n, _ := strconv.ParseFloat(field, 64)
		switch i {
		case 0, 1, 2, 5, 6, 7: // user, nice, system, irq, softirq, steal; others are idle or counted twice
			r.cpu += n / hertz
		}
	}
	for _, field := range match[2:] {
		n, _ := strconv.ParseFloat(field, 64)
		r.wire += n
	}
	return r
}

// fileServer is a plain web server of one file. It counts the bytes that it sends.
type fileServer struct {
	listener net.Listener
	path     string
	sent     atomic.Int64
}

func serveFile(b *testing.B, path string) *fileServer {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	f := &fileServer{listener: l, path: path}
	srv := &http.Server{Handler: f}
	go srv.Serve(l)
	b.Cleanup(func() { srv.Close() })
	return f
}

// at is PORT/NAME.
func (f *fileServer) at() string {
	_, port, _ := net.SplitHostPort(f.listener.Addr().String())
	return port + "/" + filepath.Base(f.path)
}

// ServeHTTP implements http.Handler.
func (f *fileServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	http.ServeFile(&countedReply{w, &f.sent}, r, f.path)
}

// countedReply counts, and lets the kernel copy.
type countedReply struct {
	http.ResponseWriter
	sent *atomic.Int64
}

func (c *countedReply) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(c.ResponseWriter, r)
	c.sent.Add(n)
	return n, err
}
