package flash

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/flashtest"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/serve"
)

// fakeUBoot is a U-Boot with a medium that a file holds. The QEMU boards judge whether it is like a real one.
type fakeUBoot struct {
	path   string
	ram    []byte
	lacks  string                                   // commands that it does not have, separated by blanks
	before func(words []string) (done bool, ok int) // may run a command instead; may be nil
	log    []string
}

const (
	fakeRAM     = 0x40000000
	fakeRAMSize = 96 * mib
)

func newFakeUBoot(path string) *fakeUBoot {
	return &fakeUBoot{path: path, ram: make([]byte, fakeRAMSize)}
}

func (u *fakeUBoot) Exec(ctx context.Context, cmd console.Command) (res console.Result, err error) {
	for line := range strings.SplitSeq(cmd.Text, ";") {
		if err := context.Cause(ctx); err != nil {
			return res, err
		}
		u.log = append(u.log, line)
		var out strings.Builder
		res.Code = u.run(&out, strings.Fields(line))
		res.Output += out.String()
	}
	return res, nil
}

func (u *fakeUBoot) at(words []string, i int) uint64 { return hexNumber(words[i]) }

// mem is a part of the RAM.
func (u *fakeUBoot) mem(at, n uint64) []byte { return u.ram[at-fakeRAM:][:n] }

func (u *fakeUBoot) run(out io.Writer, w []string) int {
	if u.before != nil {
		if done, code := u.before(w); done {
			return code
		}
	}
	if strings.Contains(" "+u.lacks+" ", " "+w[0]+" ") {
		fmt.Fprintf(out, "Unknown command '%s' - try 'help'\n", w[0])
		return 1
	}
	switch w[0] {
	case "help":
		for _, name := range strings.Fields("bdinfo blkcache crc32 hash mw tftpboot unzip virtio") {
			if !strings.Contains(" "+u.lacks+" ", " "+name+" ") {
				fmt.Fprintf(out, "%-10s- help\n", name)
			}
		}
	case "bdinfo":
		fmt.Fprintf(out, "-> start    = %#016x\n-> size     = %#016x\nrelocaddr   = %#016x\n", fakeRAM, fakeRAMSize, fakeRAM+fakeRAMSize-mib)
	case "printenv":
		fmt.Fprintf(out, "loadaddr=%#x\n", fakeRAM+0x200000)
	case "blkcache":
	case "mw.l":
		n := u.at(w, 3)
		word := make([]byte, 4)
		binary.LittleEndian.PutUint32(word, uint32(u.at(w, 2)))
		copy(u.mem(u.at(w, 1), 4*n), bytes.Repeat(word, int(n)))
	case "crc32":
		u.hash(out, w[1:], func(p []byte) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(p)) })
	case "hash":
		u.hash(out, w[2:], func(p []byte) string { return fmt.Sprintf("%x", sha256.Sum256(p)) })
	case "unzip":
		z, err := gzip.NewReader(bytes.NewReader(u.ram[u.at(w, 1)-fakeRAM:]))
		if err != nil {
			return 1
		}
		z.Multistream(false)
		p, err := io.ReadAll(z)
		if err != nil {
			return 1
		}
		copy(u.mem(u.at(w, 2), uint64(len(p))), p)
		fmt.Fprintf(out, "Uncompressed size: %d = %#X\n", len(p), len(p))
	case "virtio":
		return u.virtio(out, w)
	default:
		panic("no command " + w[0])
	}
	return 0
}

func (u *fakeUBoot) hash(out io.Writer, w []string, sum func([]byte) string) {
	at, n := u.at(w, 0), u.at(w, 1)
	fmt.Fprintf(out, "crc32 for %08x ... %08x ==> %s\n", at, at+n-1, sum(u.mem(at, n)))
}

func (u *fakeUBoot) virtio(out io.Writer, w []string) int {
	f, err := os.OpenFile(u.path, os.O_RDWR, 0)
	if err != nil {
		fmt.Fprintln(out, "Device 0: unknown device")
		return 1
	}
	defer f.Close()
	if w[1] == "dev" {
		st, err := f.Seek(0, io.SeekEnd)
		fmt.Fprintf(out, "Device 0: VirtIO\n            Capacity: (%d x 512)\n", st/512)
		return map[bool]int{err != nil: 1}[true]
	}
	n := u.at(w, 4)
	p, off := u.mem(u.at(w, 2), n*512), int64(u.at(w, 3)*512)
	verb := "read"
	if w[1] == "write" {
		verb = "written"
		_, err = f.WriteAt(p, off)
	} else {
		q := make([]byte, len(p))
		if _, err = f.ReadAt(q, off); err == nil {
			copy(p, q)
		}
	}
	if err != nil {
		fmt.Fprintf(out, "virtio %s: 0 blocks %s: ERROR\n", w[1], verb)
		return 1
	}
	fmt.Fprintf(out, "virtio %s: %d blocks %s: OK\n", w[1], n, verb)
	return 0
}

// fetch is the transfer from the station.
func (u *fakeUBoot) fetch(ctx context.Context, c serve.Content, address uint64, acked func(int64)) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	_, err := io.ReadFull(io.NewSectionReader(c, 0, c.Size), u.mem(address, uint64(c.Size)))
	acked(c.Size)
	return err
}

func (u *fakeUBoot) flasher() *UBootFlasher {
	return &UBootFlasher{Prompt: u, Fetch: u.fetch, Clock: clock.Real{}, Line: 250, Way: func() LoadWay { return LoadWay{"tftpboot", classify.NetTFTP} }}
}

func openUBoot(t *testing.T, medium string, im Image, h hooks) (*subject, error) {
	u := newFakeUBoot(medium)
	d := u.flasher()
	d.Progress, d.RAM = h.progress, RAM{fakeRAM, 16 * mib} // for pieces of 4 MiB
	m, err := d.Resolve(t.Context(), Target{Name: "disk", UBoot: "virtio 0"}, false)
	if err != nil {
		return nil, err
	}
	m.Device = medium
	if err := m.Fits(im.Size(), true); err != nil {
		return nil, err
	}
	w, err := d.Writer(t.Context(), m, im, func() {
		if h.beforeWrite != nil {
			h.beforeWrite()
		}
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	return &subject{Writer: w, ctx: ctx, tear: func() { cancel(errTorn) }, close: func() {}}, err
}

// ubootWriter returns a writer of a random image of size bytes to a medium full of 0xff, and its U-Boot.
func ubootWriter(t *testing.T, size, mediumSize int) (*UBootWriter, *fakeUBoot) {
	t.Helper()
	u := newFakeUBoot(full(t, mediumSize))
	d := u.flasher()
	m, err := d.Resolve(t.Context(), Target{Name: "disk", UBoot: "virtio 0"}, false)
	if err != nil {
		t.Fatal(err)
	}
	w, err := d.Writer(t.Context(), m, newImage(t, random(size, 5)), func() {})
	if err != nil {
		t.Fatal(err)
	}
	return w.(*UBootWriter), u
}

// TestUBootLies writes by a U-Boot whose commands say OK and do nothing.
func TestUBootLies(t *testing.T) {
	for _, verb := range []string{"read", "write"} {
		w, u := ubootWriter(t, 3*mib, 4*mib)
		u.before = func(words []string) (bool, int) { return words[0] == "virtio" && words[1] == verb, 0 }
		err := w.Write(t.Context())
		if err == nil {
			_, err = repaired(t.Context(), w)
		}
		if !isKind(err, classify.VerifyMismatch) && !isKind(err, classify.WriteFailed) {
			t.Errorf("a flash by a U-Boot whose virtio %s does nothing = %v; want %s", verb, err, classify.VerifyMismatch)
		}
	}
}

// TestUBootAlias writes an image, of which the begin is right, to media that keep what is beyond their real size in the
// place of their begin. Their real sizes are whole sectors, anywhere in a block.
func TestUBootAlias(t *testing.T) {
	const size = probeFrom
	for _, real := range []int64{size / 2, size/2 + 512, 9*mib + 100*512, size - image.BlockSize/2, size - 512} {
		data := random(size, 9)
		m := mounted(t, &flashtest.Medium{Size: size, Real: real}, true)
		if _, err := m.Content().WriteAt(data[:real], 0); err != nil {
			t.Fatal(err)
		}
		s, err := openUBoot(t, m.Path, newImage(t, data), hooks{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := Receipt{}, s.Write(s.ctx)
		if err == nil {
			r, err = repaired(s.ctx, s)
		}
		if r.Valid() || !isKind(err, classify.VerifyMismatch) || s.Counts().Skipped == 0 {
			t.Errorf("a flash of %d bytes, %d of them real = %+v, %+v, %v; want %s after a part was skipped", size, real, r, s.Counts(), err, classify.VerifyMismatch)
		}
	}
}

// TestUBootReadsOnce writes a tenth of an image: what was right before is read once.
func TestUBootReadsOnce(t *testing.T) {
	w, u := ubootWriter(t, 20*mib, 21*mib)
	flash := func() {
		t.Helper()
		u.log = nil
		err := w.Write(t.Context())
		if err == nil {
			_, err = w.Verify(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	flash()
	damage(t, u.path, 9*mib, 1)
	flash()
	blocks := 0
	for _, line := range u.log {
		if words := strings.Fields(line); strings.HasPrefix(line, "virtio read") {
			blocks += int(hexNumber(words[4]))
		}
	}
	if read := blocks * 512; read > 23*mib {
		t.Errorf("the flash with one wrong byte of %d read %d bytes; want less than %d", 20*mib, read, 23*mib)
	}
}

// TestUBootSendsPacked sends an image of text: at most a tenth more than gzip makes of it, and all of it to a U-Boot
// that unpacks nothing.
func TestUBootSendsPacked(t *testing.T) {
	const size = 20 * mib
	var text bytes.Buffer
	for i := 0; text.Len() < size; i++ {
		fmt.Fprintf(&text, "%x line %d\n", sha256.Sum256([]byte{byte(i), byte(i >> 8)}), i)
	}
	data := text.Bytes()[:size]
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(data)
	z.Close()
	for _, tt := range []struct {
		lacks    string
		least    int64
		atMost   int64
		whatSent string
	}{
		{"", 0, int64(packed.Len()) * 11 / 10, "a tenth more than gzip's"},
		{"unzip", size, size, "the image"},
		{"unzip crc32", size, size, "the image"},
		{"unzip hash", size, size, "the image"},
	} {
		u := newFakeUBoot(full(t, size+mib))
		u.lacks = tt.lacks
		d, sent := u.flasher(), int64(0)
		d.Clock = &manualClock{}
		d.Fetch = func(ctx context.Context, c serve.Content, address uint64, acked func(int64)) error {
			sent += c.Size
			d.Clock.(*manualClock).now = d.Clock.Now().Add(time.Duration(c.Size) * 100 * time.Nanosecond) // 10 MB/s
			return u.fetch(ctx, c, address, acked)
		}
		m, err := d.Resolve(t.Context(), Target{Name: "disk", UBoot: "virtio 0"}, false)
		if err != nil {
			t.Fatal(err)
		}
		w, err := d.Writer(t.Context(), m, newImage(t, data), func() {})
		if err == nil {
			err = w.Write(t.Context())
		}
		if err != nil || sent < tt.least || sent > tt.atMost {
			t.Errorf("a write by a U-Boot without %q sent %d bytes, %v; want %d to %d, %s", tt.lacks, sent, err, tt.least, tt.atMost, tt.whatSent)
		}
	}
}

// manualClock is a clock that a test sets.
type manualClock struct {
	clock.Real
	now time.Time
}

func (c *manualClock) Now() time.Time { return c.now }

// TestUBootLateAcknowledgement repairs a medium while acknowledgements of the loads before still arrive, from another
// goroutine. The race detector judges it.
func TestUBootLateAcknowledgement(t *testing.T) {
	w, u := ubootWriter(t, 3*mib, 4*mib)
	var late sync.WaitGroup
	w.dut.Progress = func(string, int64, int64) {}
	w.dut.Fetch = func(ctx context.Context, c serve.Content, address uint64, acked func(int64)) error {
		late.Go(func() { acked(c.Size) })
		return u.fetch(ctx, c, address, func(int64) {})
	}
	err := w.Write(t.Context())
	if err == nil {
		damage(t, u.path, 2*mib, 1)
		_, err = repaired(t.Context(), w)
	}
	late.Wait()
	if err != nil || w.Counts().Rewritten == 0 {
		t.Errorf("a flash with late acknowledgements = %+v, %v; want a repair and no error", w.Counts(), err)
	}
}
