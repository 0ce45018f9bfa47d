package ubootmedia

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// sandbox is U-Boot as a program of this machine, with chips in files and in memory. FLASHLUA_UBOOT_SANDBOX names the
// program, which U-Boot's sandbox_defconfig builds, and its test.dtb.
type sandbox struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
	dir string
}

func newSandbox(t *testing.T) *sandbox {
	program, dtb, ok := strings.Cut(os.Getenv("FLASHLUA_UBOOT_SANDBOX"), ":")
	if !ok {
		t.Skip("LEFT OUT: FLASHLUA_UBOOT_SANDBOX=PROGRAM:DTB names no U-Boot")
	}
	s := &sandbox{t: t, dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(s.dir, "spi.bin"), bytes.Repeat([]byte("old "), 512<<10), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-d", dtb)
	cmd.Dir = s.dir
	read, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = read
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.SetNonblock(int(read.Fd()), true); err != nil { // U-Boot polls its console
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); read.Close(); cmd.Process.Kill(); cmd.Wait() })
	s.in, s.out = in, bufio.NewReader(out)
	fmt.Fprintln(in) // ends the countdown to the boot
	return s
}

var exitCode = regexp.MustCompile(`@(\d+)@`)

// Exec implements Prompt.
func (s *sandbox) Exec(_ context.Context, c console.Command) (console.Result, error) {
	fmt.Fprintf(s.in, "%s\necho @$?@\n", c.Text)
	var lines []string
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			return console.Result{}, fmt.Errorf("%s: %w after %q", c.Text, err, lines)
		}
		line = strings.TrimRight(line, "\r\n")
		if m := exitCode.FindStringSubmatch(line); m != nil {
			code, _ := strconv.Atoi(m[1])
			if i := len(lines) - 1; i >= 0 && strings.Contains(lines[i], "echo @") {
				lines = lines[:i]
			}
			for i, l := range lines {
				if strings.HasSuffix(l, "=> "+c.Text) {
					lines = lines[i+1:]
					break
				}
			}
			return console.Result{Output: strings.Join(lines, "\n"), Code: code}, nil
		}
		lines = append(lines, line)
	}
}

// do runs a command that must succeed.
func (s *sandbox) do(cmd string, args ...any) {
	s.t.Helper()
	if _, err := Run(s.t.Context(), s, fmt.Sprintf(cmd, args...)); err != nil {
		s.t.Fatalf("Run(%q) = %v; want nil\n%s", cmd, err, classify.Facts(err).Console)
	}
}

const (
	sandboxData  = 0x2000000
	sandboxCheck = 0x4000000
)

// fill puts random bytes into RAM, and returns them.
func (s *sandbox) fill(ram uint64, n int, seed uint64) []byte {
	data := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	path := filepath.Join(s.dir, "data")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.do("host load hostfs - %x %s", ram, path)
	return data
}

// ram returns bytes of RAM.
func (s *sandbox) ram(ram uint64, n int) []byte {
	path := filepath.Join(s.dir, "back")
	os.Remove(path) // U-Boot does not truncate it
	s.do("host save hostfs - %x %s %x", ram, path, n)
	data, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

// open opens and selects a medium.
func (s *sandbox) open(name string, o Options) (Medium, Geometry) {
	s.t.Helper()
	m, err := Open(s, name, o)
	if err != nil {
		s.t.Fatal(err)
	}
	g, err := m.Select(s.t.Context(), sandboxCheck)
	if err != nil {
		s.t.Fatalf("Select of %s = %v; want nil\n%s", name, err, classify.Facts(err).Console)
	}
	return m, g
}

// roundTrip writes n bytes at off, reads them back into a poisoned buffer, and compares them.
func (s *sandbox) roundTrip(m Medium, off int64, n int, seed uint64) {
	s.t.Helper()
	data := s.fill(sandboxData, n, seed)
	if err := CheckWritable(s.t.Context(), m, sandboxCheck, off, int64(n)); err != nil {
		s.t.Fatalf("CheckWritable = %v; want nil\n%s", err, classify.Facts(err).Console)
	}
	if err := m.Write(s.t.Context(), sandboxData, off, int64(n)); err != nil {
		s.t.Fatalf("Write(%d bytes at %d) = %v; want nil\n%s", n, off, err, classify.Facts(err).Console)
	}
	s.readBack(m, off, data)
}

func (s *sandbox) readBack(m Medium, off int64, want []byte) {
	s.t.Helper()
	s.do("mw.b %x a5 %x", sandboxCheck, len(want))
	if err := m.Read(s.t.Context(), sandboxCheck, off, int64(len(want))); err != nil {
		s.t.Fatalf("Read(%d bytes at %d) = %v; want nil\n%s", len(want), off, err, classify.Facts(err).Console)
	}
	if !bytes.Equal(s.ram(sandboxCheck, len(want)), want) {
		s.t.Errorf("Read(%d bytes at %d) = other bytes; want those that were written", len(want), off)
	}
}

func TestSandboxSF(t *testing.T) {
	s := newSandbox(t)
	m, g := s.open("sf 0:0", Options{Offset: 0x10000})
	if want := (Geometry{Size: 0x1f0000, Sector: 1, Unit: 0x10000, Disk: "sf 0:0", First: 0x10000}); g != want {
		t.Errorf("Select = %+v; want %+v", g, want)
	}
	s.roundTrip(m, 0x20000, 0x30000, 1)
	file, err := os.ReadFile(filepath.Join(s.dir, "spi.bin"))
	if err != nil {
		t.Fatal(err)
	}
	old := bytes.Repeat([]byte("old "), 512<<10)
	if !bytes.Equal(file[:0x30000], old[:0x30000]) || !bytes.Equal(file[0x60000:], old[0x60000:]) {
		t.Error("the chip changed outside of the range; want only the range changed")
	}
	if err := m.Write(t.Context(), sandboxData, 0x1f0000, 0x10000); classify.Facts(err).Kind != classify.WriteFailed {
		t.Errorf("Write after the end = %v; want write.failed", err)
	}
	for name, o := range map[string]Options{"sf 7:0": {}, "mtd nor9": {}, "nand 7": {Layout: SkipBad}, "ubi none:root": {}} {
		m, err := Open(s, name, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = m.Select(t.Context(), sandboxCheck); classify.Facts(err).Kind != classify.TargetMissing {
			t.Errorf("Select of %s = %v; want target.missing", name, err)
		}
	}
}

func TestSandboxMTDOfNOR(t *testing.T) {
	s := newSandbox(t)
	m, g := s.open("mtd nor0", Options{Offset: 0x20000})
	if want := (Geometry{Size: 0x1e0000, Sector: 1, Unit: 0x10000, Disk: "mtd nor0", First: 0x20000}); g != want {
		t.Errorf("Select = %+v; want %+v", g, want)
	}
	s.roundTrip(m, 0, 0x20000, 2)
	s.roundTrip(m, 0x1d0000, 0x10000, 3)
	s.readBack(m, 0x20000, bytes.Repeat([]byte("old "), 0x4000))
}

// TestSandboxNAND writes by nand and reads by it, over bad blocks at the begin, in the middle and side by side.
func TestSandboxNAND(t *testing.T) {
	s := newSandbox(t)
	s.do("nand device 0")
	s.do("nand markbad 4000 a000 c000 20000")
	m, g := s.open("nand 0", Options{Offset: 0x4000, Layout: SkipBad})
	if want := (Geometry{Size: 0x400000 - 0x4000 - 4*0x2000, Sector: 0x200, Unit: 0x2000, Disk: "mtd nand0", First: 0x4000}); g != want {
		t.Errorf("Select = %+v; want %+v", g, want)
	}
	data := s.fill(sandboxData, 0x20000, 4)
	for off := int64(0); off < 0x20000; off += 0x8000 { // in pieces
		if err := m.Write(t.Context(), sandboxData+uint64(off), off, 0x8000); err != nil {
			t.Fatalf("Write = %v; want nil\n%s", err, classify.Facts(err).Console)
		}
	}
	s.readBack(m, 0, data)
	s.readBack(m, 0x2200, data[0x2200:0xb400])
	// What reads the chip from the begin and skips bad blocks finds the image.
	s.do("nand read %x 4000 20000", sandboxCheck)
	if !bytes.Equal(s.ram(sandboxCheck, len(data)), data) {
		t.Error("nand read over the bad blocks = other bytes; want the image")
	}
	s.roundTrip(m, 0x6000, 0x10000, 5)
	s.readBack(m, 0, data[:0x6000])
	s.readBack(m, 0x16000, data[0x16000:])
	s.readBack(m, g.Size-0x2000, bytes.Repeat([]byte{0xff}, 0x2000))
}

func TestSandboxMTDOfNAND(t *testing.T) {
	s := newSandbox(t)
	if m, err := Open(s, "mtd nand1", Options{}); err != nil {
		t.Fatal(err)
	} else if _, err = m.Select(t.Context(), sandboxCheck); classify.Facts(err).Kind != classify.TargetUnsafe || !strings.Contains(classify.Facts(err).Hint, `layout = "skip-bad"`) {
		t.Errorf("Select without a layout = %v; want target.unsafe with a hint to set it", err)
	}
	s.do("nand device 1")
	s.do("nand markbad 80000 100000")
	m, g := s.open("mtd nand1", Options{Layout: SkipBad})
	if want := (Geometry{Size: 1<<32 - 2*0x80000, Sector: 0x1000, Unit: 0x80000, Disk: "mtd nand1"}); g != want {
		t.Errorf("Select = %+v; want %+v", g, want)
	}
	s.roundTrip(m, 0, 0x180000, 6)
	data := s.fill(sandboxData, 0x100000, 9)
	if err := m.Write(t.Context(), sandboxData, 0x80000, 0x100000); err != nil {
		t.Fatalf("Write = %v; want nil\n%s", err, classify.Facts(err).Console)
	}
	s.do("nand read %x 180000 100000", sandboxCheck)
	if !bytes.Equal(s.ram(sandboxCheck, len(data)), data) {
		t.Error("nand read of what mtd wrote = other bytes; want those that were written")
	}
}

func TestSandboxUBI(t *testing.T) {
	s := newSandbox(t)
	s.do("mtd erase nor0")
	s.do("ubi part nor0")
	s.do("ubi create root 40000")
	s.do("ubi create static 40000 static")
	for _, name := range []string{"root", "static"} {
		m, g := s.open("ubi nor0:"+name, Options{})
		if g.Size < 0x40000 || g.Size%3 != 0 && g.Size > 0x60000 || !g.Whole || g.Unit != 1 {
			t.Errorf("Select of %s = %+v; want at least 256 KiB, written as a whole", name, g)
		}
		s.roundTrip(m, 0, 0x40000, 7)
		s.roundTrip(m, 0, 0x12345, 8)
	}
	m, _ := s.open("ubi nor0:root", Options{})
	if err := m.Write(t.Context(), sandboxData, 0, 0x100000); classify.Facts(err).Kind != classify.WriteFailed {
		t.Errorf("Write of more than the volume has = %v; want write.failed", err)
	}
	m, err := Open(s, "ubi nor0:none", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Select(t.Context(), sandboxCheck); classify.Facts(err).Kind != classify.TargetMissing {
		t.Errorf("Select of a missing volume = %v; want target.missing", err)
	}
}
