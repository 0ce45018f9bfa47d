package qemu

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/uboot"
)

// lineSpeed is a port with a speed, in front of a board whose UART has none: while the port has another speed than
// the board has announced, garbage passes in both directions.
type lineSpeed struct {
	net.Conn
	maxBaud int // above it garbage comes; 0 for none
	noise   int // every so many blocks have a wrong byte; 0 for none
	blocks  int // the writer's

	mu    sync.Mutex // mu guards what follows
	baud  int        // of the port
	board int        // of the board
	said  []byte     // the end of what the board printed
	all   []int      // the speeds that were set
}

var announced = regexp.MustCompile(`## Switch baudrate to (\d+) bps and press (?:ENTER|ESC) \.\.\.\r?\n$`)

func (l *lineSpeed) Speed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.baud
}

func (l *lineSpeed) SetSpeed(_ context.Context, baud int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.baud, l.all = baud, append(l.all, baud)
	return nil
}

// Read reads byte by byte where the board may change its speed.
func (l *lineSpeed) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, b := range p[:n] {
		l.said = append(l.said, b)
		if l.baud != l.board || l.maxBaud > 0 && l.baud > l.maxBaud {
			p[i] ^= 0xa5
		}
		if m := announced.FindSubmatch(l.said); m != nil {
			l.board, _ = strconv.Atoi(string(m[1]))
			l.said = nil
		}
	}
	l.said = l.said[max(0, len(l.said)-200):]
	return n, err
}

func (l *lineSpeed) Write(p []byte) (int, error) {
	l.mu.Lock()
	p = bytes.Clone(p)
	for i := range p {
		if l.baud != l.board {
			p[i] |= 0xc0
		}
	}
	l.mu.Unlock()
	if len(p) > 1000 {
		if l.blocks++; l.noise > 0 && l.blocks%l.noise == 0 {
			p[500] ^= 0x10
		}
	}
	return l.Conn.Write(p)
}

// serialBoard starts a board and returns its U-Boot on a console with a speed.
func serialBoard(t *testing.T, a Arch, maxBaud int, options ...string) (*uboot.UBoot, *lineSpeed, *Board) {
	if err := a.Available(); err != nil {
		if os.Getenv("FLASHLUA_REQUIRE_QEMU") == "1" && a.Name != RISCV64.Name { // whose Debian suite is not released yet
			t.Fatal(err)
		}
		t.Skipf("LEFT OUT: %v", err)
	}
	b, err := a.start(context.Background(), t.TempDir(), usualDisk, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Stop() })
	conn, err := net.Dial("unix", strings.TrimPrefix(b.Port, "unix:"))
	if err != nil {
		t.Fatal(err)
	}
	line := &lineSpeed{Conn: conn, baud: 115200, board: 115200, maxBaud: maxBaud}
	con := console.New(line, console.Config{})
	t.Cleanup(func() { con.Close() })
	for _, command := range []string{"system_reset", "cont"} {
		if _, err := b.QMP(t.Context(), command); err != nil {
			t.Fatal(err)
		}
	}
	ub, err := uboot.Interrupt(t.Context(), con, uboot.Default, uboot.JustReset, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	return ub, line, b
}

// ramOf is an address of RAM that U-Boot does not use.
var ramOf = map[string]uint64{"arm64": 0x44000000, "arm": 0x44000000, "riscv64": 0x84000000, "x86": 0x4000000, "x86-64": 0x4000000}

// TestSerialLoad loads files over the console of real U-Boots, at its speed and at a higher one. LoadSerial compares
// the CRC-32 of the RAM.
func TestSerialLoad(t *testing.T) {
	for _, a := range []Arch{ARM64, RISCV64, X8664} {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			ub, line, _ := serialBoard(t, a, 0)
			content := make([]byte, 20_000)
			rand.NewChaCha8([32]byte{}).Read(content)
			for i := range 3000 {
				content[i] = 0x1a // padding of the protocol
			}
			for _, size := range []int{1, 128, 129, 897, 1024, 1025, 3000, 20_000} {
				var last int64
				opt := uboot.SerialOptions{Name: "u-boot.bin"}
				if size%2 == 1 && a.Name != ARM64.Name { // whose UART takes no other speed: U-Boot is silent after it
					opt.Baud = 921600
				}
				began := time.Now()
				err := ub.LoadSerial(t.Context(), bytes.NewReader(content), int64(size), ramOf[a.Name], opt, func(sent int64) { last = sent })
				t.Logf("%d bytes in %s", size, time.Since(began))
				if err != nil || last != int64(size) {
					t.Fatalf("LoadSerial(%d bytes) = %v after %d bytes; want all", size, err, last)
				}
				if line.Speed() != 115200 {
					t.Fatalf("the port's speed after LoadSerial = %d; want 115200", line.Speed())
				}
			}
		})
	}
}

// TestSerialLoadFails checks that U-Boot is at its prompt, and the port at its speed, after loads that did not succeed.
func TestSerialLoadFails(t *testing.T) {
	t.Parallel() // before the board starts: U-Boot at its prompt takes a whole CPU
	ub, line, _ := serialBoard(t, X8664, 1000000)
	content := bytes.Repeat([]byte("flashlua"), 100000)
	prompt := func(after string) {
		if out, err := ub.Run(t.Context(), console.Command{Text: "echo it works"}); out != "it works" || err != nil {
			t.Fatalf("Run(echo) after %s = %q, %v; want its text", after, out, err)
		}
		if line.Speed() != 115200 {
			t.Fatalf("the port's speed after %s = %d; want 115200", after, line.Speed())
		}
	}
	for _, baud := range []int{0, 921600} {
		stopped := errors.New("stopped")
		ctx, cancel := context.WithCancelCause(t.Context())
		err := ub.LoadSerial(ctx, bytes.NewReader(content), int64(len(content)), ramOf[X8664.Name], uboot.SerialOptions{Baud: baud}, func(sent int64) {
			if sent > 50000 {
				cancel(stopped)
			}
		})
		if !errors.Is(err, stopped) {
			t.Fatalf("LoadSerial that is cancelled = %v; want its cause", err)
		}
		prompt("a cancelled load")
	}
	var notes []string
	opt := uboot.SerialOptions{Name: "fast.bin", Baud: 1500000, Note: func(text string) { notes = append(notes, text) }}
	if err := ub.LoadSerial(t.Context(), bytes.NewReader(content), 2000, ramOf[X8664.Name], opt, nil); err != nil {
		t.Fatalf("LoadSerial at a speed that does not work = %v; want a load at the old one", err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "does not answer at 1500000 baud") {
		t.Fatalf("notes = %q; want one about the speed", notes)
	}
	prompt("a load at a speed that does not work")
	short := content[:5000]
	err := ub.LoadSerial(t.Context(), bytes.NewReader(short), 6000, ramOf[X8664.Name], uboot.SerialOptions{}, nil)
	if classify.Find(err, classify.LoadSerial) == nil {
		t.Fatalf("LoadSerial of a file that ended = %v; want load.serial", err)
	}
	prompt("a file that ended")
}

// TestSerialLoadFaults loads over a line that spoils blocks, and from a board that resets itself in the middle.
func TestSerialLoadFaults(t *testing.T) {
	t.Parallel()
	ub, line, b := serialBoard(t, X8664, 0)
	content := make([]byte, 50_000)
	rand.NewChaCha8([32]byte{}).Read(content)
	line.noise = 20
	load := func(progress func(int64)) error {
		return ub.LoadSerial(t.Context(), bytes.NewReader(content), int64(len(content)), ramOf[X8664.Name], uboot.SerialOptions{Baud: 921600}, progress)
	}
	if err := load(nil); err != nil || line.blocks <= 49 {
		t.Fatalf("LoadSerial over a line with noise = %v, %d blocks were sent; want nil, and blocks that were sent again", err, line.blocks)
	}
	line.noise = 0
	err := load(func(sent int64) {
		if sent > 20_000 && sent < 22_000 {
			if _, err := b.QMP(t.Context(), "system_reset"); err != nil {
				t.Error(err)
			}
			line.mu.Lock()
			line.board = 115200
			line.mu.Unlock()
			line.SetSpeed(t.Context(), 115200) // the banner of a real board would be garbage
		}
	})
	if classify.Find(err, classify.BoardReset) == nil {
		t.Errorf("LoadSerial from a board that resets itself = %v; want board.reset", err)
	}
	if err := ub.Live(t.Context()); classify.Find(err, classify.ScriptStale) == nil {
		t.Errorf("Live() after the reset = %v; want script.stale", err)
	}
}

// TestMediaLoad loads files from a file system of the board's medium.
func TestMediaLoad(t *testing.T) {
	dir := t.TempDir()
	content := bytes.Repeat([]byte("kernel"), 50000)
	if err := os.WriteFile(filepath.Join(dir, "Image"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(t.TempDir(), "stick.img")
	out, err := exec.Command("mke2fs", "-q", "-t", "ext4", "-d", dir, disk, "32M").CombinedOutput()
	if err != nil {
		t.Skipf("LEFT OUT: mke2fs = %v\n%s", err, out)
	}
	ub, _, _ := serialBoard(t, ARM64, 0, "-drive", "if=none,id=stick,format=raw,file="+disk, "-device", "nvme,drive=stick,serial=1")
	load := func(path string, want []byte) error {
		return ub.LoadMedia(t.Context(), "nvme 0", path, bytes.NewReader(want), int64(len(want)), 0x44000000)
	}
	if err := load("Image", content); err != nil {
		t.Errorf("LoadMedia = %v; want nil", err)
	}
	other := bytes.Clone(content)
	other[1000]++
	for name, tt := range map[string]struct {
		path string
		want []byte
	}{
		"no such file": {"none", content}, "another file": {"Image", other}, "a shorter file": {"Image", append(bytes.Clone(content), 'x')},
	} {
		err := load(tt.path, tt.want)
		if classify.Find(err, classify.LoadMedia) == nil {
			t.Errorf("%s: LoadMedia = %v; want load.media", name, err)
		}
		t.Log(err)
	}
}
