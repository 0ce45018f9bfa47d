package simulate_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/simulate"
	"github.com/flashlua/flashlua/engine/transport"
)

// counter counts what is typed before and after the kernel starts.
type counter struct {
	transport.Port

	mu    sync.Mutex // guards what follows
	tail  []byte     // of what the board printed
	linux bool
	typed [2]struct{ lines, bytes int } // in U-Boot, in Linux
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Port.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tail = append(c.tail, p[:n]...)
	c.linux = c.linux || bytes.Contains(c.tail, []byte("Starting kernel"))
	c.tail = c.tail[max(0, len(c.tail)-64):]
	return n, err
}

func (c *counter) Write(p []byte) (int, error) {
	c.mu.Lock()
	at := &c.typed[0]
	if c.linux {
		at = &c.typed[1]
	}
	at.lines++
	at.bytes += len(p)
	c.mu.Unlock()
	return c.Port.Write(p)
}

const twoFiles = `
local board = require("boards.sim")
board.files = { kernel = { "Image", 0x40400000 }, dtb = { "board.dtb", 0x44000000 } }
board.boot = "booti ${kernel_addr} - ${dtb_addr}"
board.bootargs = "console=ttyS2,115200n8 rdinit=/init"
board.uboot, board.linux = { chunk = CHUNK, delay = "1s" }, { chunk = CHUNK, delay = "1s" }
return board
`

// boardWithFiles returns a policy with two files, whose pauses last 1 s.
func boardWithFiles(t *testing.T, chunk string) *engine.Policy {
	t.Helper()
	dir := t.TempDir()
	kernel := make([]byte, 4096)
	copy(kernel[56:], "ARM\x64")
	for name, data := range map[string][]byte{"Image": kernel, "board.dtb": make([]byte, 512), "disk.img": []byte("an image\x00")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := bindings.LoadText("board.lua", strings.ReplaceAll(twoFiles, "CHUNK", chunk), bindings.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p.Dir = dir
	return p
}

// plannedPauses returns the seconds that the plan names, for U-Boot and for Linux.
func plannedPauses(t *testing.T, p *engine.Policy) [2]int {
	t.Helper()
	plan := ""
	e := engine.Engine{Events: func(e engine.Event) {
		if e.Type == engine.EventPlan {
			plan = e.Text
		}
	}}
	if rep := e.Run(t.Context(), p, engine.Job{Image: filepath.Join(p.Dir, "disk.img"), Port: "sim:", DryRun: true}); rep.Exit != 0 {
		t.Fatal(rep.Err)
	}
	m := regexp.MustCompile(`typing takes about \S+ of an attempt: (\S+) at 1s for each \w+ in U-Boot, (\S+) at 1s for each \w+ in Linux`).FindStringSubmatch(plan)
	if m == nil {
		t.Fatalf("the plan is\n%s\nwant the pauses in U-Boot and Linux", plan)
	}
	var all [2]int
	for i := range all {
		d, err := time.ParseDuration(m[i+1])
		if err != nil {
			t.Fatal(err)
		}
		all[i] = int(d.Seconds())
	}
	return all
}

// TestTypingCost holds the plan's figures to what the default sequence types: a quarter more or less, since a loaded
// station types some keys again.
func TestTypingCost(t *testing.T) {
	bytesPlanned, linesPlanned := plannedPauses(t, boardWithFiles(t, "1")), plannedPauses(t, boardWithFiles(t, "0"))
	p := boardWithFiles(t, "0")
	p.UBoot.Pacing, p.Linux.Pacing = nil, nil // no pauses
	var e engine.Engine
	board, err := simulate.Attach(&e, p, "size=16")
	if err != nil {
		t.Fatal(err)
	}
	defer board.Close()
	open, count := e.OpenPort, &counter{}
	e.OpenPort = func(ctx context.Context, spec string, line transport.Line) (transport.Port, error) {
		port, err := open(ctx, spec, line)
		count.Port = port
		return count, err
	}
	if rep := e.Run(t.Context(), p, engine.Job{Image: filepath.Join(p.Dir, "disk.img")}); rep.Exit != 0 || rep.Attempt != 1 {
		t.Fatal(rep.Err)
	}
	const most = 1200 // bytes: a console with pauses of 100 ms takes two minutes for them
	if all := count.typed[0].bytes + count.typed[1].bytes; all > most {
		t.Errorf("the default sequence types %d bytes; want at most %d", all, most)
	}
	for i, where := range []string{"U-Boot", "Linux"} {
		for what, n := range map[string][2]int{"bytes": {bytesPlanned[i], count.typed[i].bytes}, "lines": {linesPlanned[i], count.typed[i].lines}} {
			t.Logf("%d %s in %s, %d planned", n[1], what, where, n[0])
			if 4*n[0] < 3*n[1] || 4*n[0] > 5*n[1] {
				t.Errorf("the plan counts %d %s in %s; want the %d that the default sequence types, or a quarter more or less", n[0], what, where, n[1])
			}
		}
	}
}
