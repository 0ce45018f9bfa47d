package flash

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/flashtest"
)

var _, _, _ Writer = &ShellWriter{}, &BlockWriter{}, &UBootWriter{}

// subject is a writer on a medium whose content a file of the test holds.
type subject struct {
	Writer
	ctx   context.Context
	tear  func() // makes the current Write fail
	close func()
}

// errTorn is the cause of a context that ended in the middle of a write.
var errTorn = errors.New("torn")

// hooks are called by the writer of a subject. They may be nil.
type hooks struct {
	progress    func(step string, done, total int64)
	beforeWrite func()
}

// backend is one of the ways in which a Writer reaches a medium.
type backend struct {
	name   string
	attach func(t *testing.T, file string) (medium string)
	open   func(t *testing.T, medium string, im Image, h hooks) (*subject, error)
}

// backends are all of them: each case of TestWriters runs on each.
var backends = []backend{
	{"file", func(t *testing.T, file string) string { return file }, openBlock},
	{"device", func(t *testing.T, file string) string { return loop(t, file) }, openBlock},
	{"board", func(t *testing.T, file string) string { return file }, openBoard},
	{"uboot", func(t *testing.T, file string) string { return file }, openUBoot},
}

// onBoard reports whether the writer reaches the medium through a board, which writes whole ranges.
func (b backend) onBoard() bool { return b.name == "board" || b.name == "uboot" }

func openBlock(t *testing.T, medium string, im Image, h hooks) (*subject, error) {
	target, err := BlockTarget{Path: medium, Progress: h.progress, BeforeWrite: h.beforeWrite}.Open("")
	if err != nil {
		t.Fatal(err)
	}
	done := sync.OnceFunc(func() { target.Close() })
	t.Cleanup(done)
	w, err := target.NewWriter(im)
	if err != nil {
		done()
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	return &subject{Writer: w, ctx: ctx, tear: func() { cancel(errTorn) }, close: done}, nil
}

func openBoard(t *testing.T, medium string, im Image, h hooks) (*subject, error) {
	st, err := os.Stat(medium)
	if err != nil {
		t.Fatal(err)
	}
	d, cut := newDUT(t, slow{newHostShell(t)})
	d.Progress = h.progress
	m := mediumOn(medium, st.Size())
	if err := m.Fits(im.Size(), true); err != nil {
		return nil, err
	}
	w := d.NewWriter(m, im)
	w.BeforeWrite = h.beforeWrite
	return &subject{Writer: w, ctx: t.Context(), tear: cut.cut, close: func() {}}, nil
}

// slow is a board for which comparing before writing always pays.
type slow struct{ *hostShell }

var copyTime = regexp.MustCompile(`copy=\d+=\d+`)

func (s slow) Exec(ctx context.Context, cmd console.Command) (console.Result, error) {
	r, err := s.hostShell.Exec(ctx, cmd)
	r.Output = copyTime.ReplaceAllString(r.Output, "copy=99999=99999")
	return r, err
}

// flash writes an image to a medium, verifies it and repairs it once.
func (b backend) flash(t *testing.T, medium string, im Image) (Receipt, Counts, error) {
	t.Helper()
	var done, total atomic.Int64 // of the last write
	s, err := b.open(t, medium, im, hooks{progress: func(step string, n, of int64) {
		if step == "write" {
			done.Store(n)
			total.Store(of)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var r Receipt
	if err = s.Write(s.ctx); err == nil {
		if all := roundUp(im.Size(), 512); done.Load() > total.Load() || b.onBoard() && s.Counts().Skipped == 0 && total.Load() != all && !hasGaps(im) {
			t.Errorf("%s: progress ended at %d of %d; want at most %d", b.name, done.Load(), total.Load(), all)
		}
		r, err = repaired(s.ctx, s)
	}
	if r.Valid() != (err == nil) {
		t.Errorf("%s: Verify = receipt valid: %t, %v; want a valid one exactly if there is no error", b.name, r.Valid(), err)
	}
	return r, s.Counts(), err
}

// hasGaps reports whether parts of an image are unmapped.
func hasGaps(im Image) bool { return ranges(im.Ranges()).size() != im.Size() }

// repaired verifies, and writes once more what read back wrong.
func repaired(ctx context.Context, w Writer) (Receipt, error) {
	r, err := w.Verify(ctx)
	if classify.Find(err, classify.VerifyMismatch) == nil {
		return r, err
	}
	if err := w.Repair(ctx); err != nil {
		return Receipt{}, err
	}
	return w.Verify(ctx)
}

// isKind reports whether err is of a kind.
func isKind(err error, kind classify.Kind) bool { return classify.Facts(err).Kind == kind }

// contract is a part of what all writers are held to.
type contract struct {
	name string
	test func(t *testing.T, b backend)
}

// TestWriters holds all writers to one contract.
func TestWriters(t *testing.T) {
	holdWriters(t,
		contract{"verify only", testVerifyOnly},
		contract{"reflash", testReflash},
		contract{"short medium", testShortMedium},
		contract{"overstated by a sector", testOverstatedBySector},
		contract{"bad block", testBadBlock},
		contract{"torn write", testTornWrite},
		contract{"changed between write and verify", testChangedBetween},
		contract{"read error", testReadError},
		contract{"image changed", testImageChanged},
	)
}

// TestWritersOfMuch holds all writers to the parts of the contract that write and read the most. It runs without the
// race detector: the parts of TestWriters do the same at the same time.
func TestWritersOfMuch(t *testing.T) {
	holdWriters(t,
		contract{"sizes", testSizes},
		contract{"overstated size", testOverstatedSize},
		contract{"loses the end", testLosesEnd},
		contract{"heals when written", testHeals},
	)
}

func holdWriters(t *testing.T, contracts ...contract) {
	for _, c := range contracts {
		t.Run(c.name, func(t *testing.T) {
			for _, b := range backends {
				t.Run(b.name, func(t *testing.T) { c.test(t, b) })
			}
		})
	}
}

// testSizes writes images that end in the middle of a sector, of a block or of neither, over several contents.
func testSizes(t *testing.T, b backend) {
	const mediumSize = 4 * mib
	sizes := []int{1, 511, 512, 513, 4095, 1_000_001, mib - 1, mib, mib + 1, 3*mib + 512}
	if !b.onBoard() {
		sizes = append(sizes, 4096, 4097, writeBlock-1, writeBlock, writeBlock+1, 3*writeBlock+12345)
	}
	path := full(t, mediumSize)
	medium := b.attach(t, path)
	for _, size := range sizes {
		want := random(size, 1)
		im := newImage(t, want)
		blocks := int64(size/writeBlock + 1)
		for _, before := range []struct {
			what      string
			content   []byte
			maxBlocks int64 // that BlockWriter writes
		}{
			{"other content", nil, blocks},
			{"the image", want, 0},
			{"something longer", random(size+writeBlock, 2), blocks},
			{"one wrong byte", append(slices.Clone(want[:size-1]), want[size-1]^1), 1},
		} {
			if b.onBoard() && before.content != nil { // an image of less than probeFrom is written without comparing
				continue
			}
			setContent(t, b, path, before.content, mediumSize)
			r, counts, err := b.flash(t, medium, im)
			if err != nil || r.Size != int64(size) || r.SHA256 != im.SHA256() || r.Device != medium || counts.Rewritten != 0 {
				t.Fatalf("flash %d bytes over %s = %+v, %+v, %v; want a receipt of the image\n%s", size, before.what, r, counts, err, classify.Facts(err).Console)
			}
			if !b.onBoard() && counts.Written > before.maxBlocks*writeBlock {
				t.Errorf("flash %d bytes over %s: %d bytes written; want at most %d blocks", size, before.what, counts.Written, before.maxBlocks)
			}
			checkContent(t, b, path, want, before.content)
		}
		if b.onBoard() || size == 4097 {
			checkOneBit(t, b, medium, want)
		}
	}
}

// setContent makes a file hold content: alone for the backend "file", or at the begin of a medium full of 0xff.
func setContent(t *testing.T, b backend, path string, content []byte, mediumSize int) {
	t.Helper()
	if b.name == "file" {
		put(t, path, content)
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := bytes.Repeat([]byte{0xff}, mediumSize)
	copy(all, padded(content))
	if _, err := f.WriteAt(all, 0); err != nil {
		t.Fatal(err)
	}
}

// padded returns content with zeros up to the end of its last sector.
func padded(content []byte) []byte {
	return append(slices.Clone(content), make([]byte, (512-len(content)%512)%512)...)
}

// checkContent checks that a medium holds an image, zeros up to the end of the sector, and after it what it held
// before. A file is as long as the image.
func checkContent(t *testing.T, b backend, path string, want, before []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.name == "file" {
		if !bytes.Equal(got, want) {
			t.Errorf("the file has %d bytes that are not the image; want its %d", len(got), len(want))
		}
		return
	}
	end := (len(want) + 511) / 512 * 512
	after := bytes.Repeat([]byte{0xff}, len(got))
	copy(after, padded(before))
	switch {
	case !bytes.Equal(got[:len(want)], want):
		t.Errorf("the first %d bytes of the medium are not the image", len(want))
	case !bytes.Equal(got[len(want):end], make([]byte, end-len(want))):
		t.Errorf("bytes %d to %d = % x; want zeros", len(want), end, got[len(want):end])
	case !bytes.Equal(got[end:], after[end:]):
		t.Errorf("the medium changed after byte %d; want it unchanged", end)
	}
}

// checkOneBit verifies images that differ from the medium in one bit.
func checkOneBit(t *testing.T, b backend, medium string, content []byte) {
	t.Helper()
	for _, at := range []int{0, len(content) / 2, len(content) - 1} {
		other := bytes.Clone(content)
		other[at] ^= 1
		s, err := b.open(t, medium, newImage(t, other), hooks{})
		if err != nil {
			t.Fatal(err)
		}
		if r, err := s.Verify(s.ctx); r.Valid() || !isKind(err, classify.VerifyMismatch) {
			t.Errorf("Verify with byte %d of %d wrong = %+v, %v; want %s", at, len(content), r, err, classify.VerifyMismatch)
		}
		s.close()
	}
}

// testVerifyOnly verifies a medium without writing: what is right, and what is wrong in one place, which Repair
// corrects.
func testVerifyOnly(t *testing.T, b backend) {
	const size = 5*mib + 777
	want := random(size, 1)
	clear(want[2*mib : 4*mib])
	path := full(t, 6*mib)
	medium := b.attach(t, path)
	setContent(t, b, path, want, 6*mib)
	writes := 0
	s, err := b.open(t, medium, newImage(t, want), hooks{beforeWrite: func() { writes++ }})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Verify(s.ctx); err != nil || !r.Valid() {
		t.Fatalf("Verify = %+v, %v; want a valid receipt", r, err)
	}
	for i, at := range []int64{0, 3 * mib, size - 1} {
		damage(t, path, at, want[at]^1)
		if r, err := s.Verify(s.ctx); r.Valid() || !isKind(err, classify.VerifyMismatch) {
			t.Errorf("Verify with a wrong byte %d = %+v, %v; want %s", at, r, err, classify.VerifyMismatch)
		}
		if writes > i {
			t.Fatalf("Verify with a wrong byte %d: BeforeWrite was called %d times; want %d", at, writes, i)
		}
		if err := s.Repair(s.ctx); err != nil {
			t.Fatal(err)
		}
		if r, err := s.Verify(s.ctx); err != nil || !r.Valid() || s.Counts().Rewritten != i+1 {
			t.Errorf("Verify after Repair of byte %d = %+v, %v, %+v; want a valid receipt, %d rewritten", at, r, err, s.Counts(), i+1)
		}
		writes = i + 1
	}
	if c := s.Counts(); c.Written != 0 || c.Skipped != 0 {
		t.Errorf("Counts = %+v; want no bytes of Write", c)
	}
}

// damage changes a byte of a file.
func damage(t *testing.T, path string, at int64, to byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{to}, at); err != nil {
		t.Fatal(err)
	}
}

// testReflash writes the next image over the last: what is the same stays.
func testReflash(t *testing.T, b backend) {
	const size = 20*mib + 4321
	path := full(t, 21*mib)
	medium := b.attach(t, path)
	setContent(t, b, path, nil, 21*mib)
	want := random(size, 11)
	clear(want[6*mib : 15*mib])
	maxChanged := int64(2*writeBlock + size%writeBlock)
	switch b.name {
	case "device": // its last block ends with the sector
		maxChanged += 512
	case "board", "uboot": // a range at a time
		maxChanged = 3*4*mib + 4321
	}
	for i, maxWritten := range []int64{size + 512, 0, maxChanged} {
		if b.onBoard() && i == 1 && !soak {
			continue
		}
		if i == 2 {
			want[5*mib] ^= 1
			want[9*mib] = 1 // was zero
			want[size-1] ^= 1
		}
		_, c, err := b.flash(t, medium, newImage(t, want))
		if err != nil || c.Rewritten != 0 || c.Written > maxWritten || (c.Written == 0) != (maxWritten == 0) || i > 0 && c.Skipped == 0 {
			t.Errorf("flash number %d = %+v, %v; want up to %d bytes written", i+1, c, err, maxWritten)
		}
		checkContent(t, b, path, want, nil)
	}
}

// testShortMedium refuses an image that is too large by a byte before anything is written.
func testShortMedium(t *testing.T, b backend) {
	if b.name == "file" { // it grows
		return
	}
	const size = mib
	path := full(t, size)
	medium := b.attach(t, path)
	_, err := b.open(t, medium, newImage(t, random(size+1, 4)), hooks{beforeWrite: func() { t.Error("BeforeWrite was called; want no write") }})
	if !isKind(err, classify.TargetUnsafe) {
		t.Errorf("an image of %d bytes for %d = %v; want %s", size+1, size, err, classify.TargetUnsafe)
	}
	checkContent(t, b, path, nil, nil)
	if _, _, err := b.flash(t, medium, newImage(t, random(size-100, 4))); err != nil { // up to the last byte
		t.Errorf("an image of %d bytes for %d = %v; want no error", size-100, size, err)
	}
}

// testOverstatedSize flashes a medium that keeps one block in the place of another. It never holds the image,
// neither when it is flashed for the first time nor when most of it is right already.
func testOverstatedSize(t *testing.T, b backend) {
	const size = probeFrom
	data := random(size, 7)
	for _, real := range []int{size / 2, size / 8 * 7} {
		for _, before := range []struct {
			what    string
			content []byte
		}{{"new", nil}, {"begin is right", data[:real]}, {"end is right", slices.Concat(data[real:], data[size-real:real])}} {
			if b.name != "device" && !soak && (before.content == nil) != (real == size/2) {
				continue // half of them: a board hashes slowly, and a file is written as a device
			}
			m := mounted(t, &flashtest.Medium{Size: size, Real: int64(real)}, true)
			if _, err := m.Content().WriteAt(before.content, 0); err != nil {
				t.Fatal(err)
			}
			medium := b.attach(t, m.Path)
			im := newImage(t, data)
			attempts := 1
			if before.content == nil { // the second attempt finds half of it right
				attempts = 2
			}
			for attempt := range attempts {
				if _, _, err := b.flash(t, medium, im); classify.Find(err, classify.VerifyMismatch) == nil {
					t.Fatalf("attempt %d, %s, %d bytes real = %v; want %s", attempt, before.what, real, err, classify.VerifyMismatch)
				}
			}
		}
	}
}

// testOverstatedBySector flashes a medium on which the image's last, partly filled sector reads back wrong.
func testOverstatedBySector(t *testing.T, b backend) {
	const real = 8 * mib
	m := mounted(t, &flashtest.Medium{Size: real + 4096, Real: real}, true)
	medium := b.attach(t, m.Path)
	im := newImage(t, random(real+300, 8))
	attempts := 1
	if b.name == "device" {
		attempts = 4
	}
	for attempt := range attempts {
		if _, _, err := b.flash(t, medium, im); classify.Find(err, classify.VerifyMismatch) == nil {
			t.Errorf("attempt %d = %v; want %s", attempt, err, classify.VerifyMismatch)
		}
	}
}

// testBadBlock flashes a medium with one byte that is always wrong.
func testBadBlock(t *testing.T, b backend) {
	const size, at = 5*mib + 512, 3*mib + 77
	m := mounted(t, &flashtest.Medium{Size: size, Spoil: func(p []byte, off int64) {
		if off <= at && at < off+int64(len(p)) {
			p[at-off] ^= 0x40
		}
	}}, true)
	_, c, err := b.flash(t, b.attach(t, m.Path), newImage(t, random(size, 9)))
	if classify.Find(err, classify.VerifyMismatch) == nil || c.Rewritten == 0 {
		t.Errorf("flash = %+v, %v; want %s after a repair", c, err, classify.VerifyMismatch)
	}
}

// testLosesEnd flashes a medium that accepts writes after its real end and keeps nothing of them.
func testLosesEnd(t *testing.T, b backend) {
	const size, end = 17 * mib, 15 * mib
	m := mounted(t, &flashtest.Medium{Size: size, Spoil: func(p []byte, off int64) {
		if from := max(end-off, 0); from < int64(len(p)) {
			clear(p[from:])
		}
	}}, true)
	medium := b.attach(t, m.Path)
	im := newImage(t, random(size, 10))
	for attempt := range 2 {
		if _, _, err := b.flash(t, medium, im); classify.Find(err, classify.VerifyMismatch) == nil {
			t.Errorf("attempt %d = %v; want %s", attempt, err, classify.VerifyMismatch)
		}
	}
}

// testTornWrite cuts a write in the middle and flashes again: the half-written medium neither verifies nor boots,
// and the second run does not write what the first one wrote.
func testTornWrite(t *testing.T, b backend) {
	const size = 20 * mib
	want := random(size, 3)
	path := full(t, size)
	medium := b.attach(t, path)
	im := newImage(t, want)
	var torn func()
	s, err := b.open(t, medium, im, hooks{progress: func(step string, done, total int64) {
		if step == "write" && done > total/2 {
			torn()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	torn = sync.OnceFunc(s.tear)
	if err := s.Write(s.ctx); !errors.Is(err, errTorn) && !isKind(err, classify.NetHTTPCut) {
		t.Fatalf("Write that was cut = %v; want the cause", err)
	}
	s.close()
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got[:512], make([]byte, 512)) {
		t.Errorf("a half-written medium begins with % x, %v; want zeros, neither the old partition table nor the new one", got[:16], err)
	}
	s, err = b.open(t, medium, im, hooks{})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Verify(s.ctx); r.Valid() || !isKind(err, classify.VerifyMismatch) {
		t.Errorf("Verify of a half-written medium = %+v, %v; want %s", r, err, classify.VerifyMismatch)
	}
	s.close()
	r, c, err := b.flash(t, medium, im)
	if err != nil || !r.Valid() || c.Skipped == 0 || c.Written == 0 {
		t.Errorf("flash again = %+v, %+v, %v; want a part skipped and a part written", r, c, err)
	}
	checkContent(t, b, path, want, nil)
}

// testChangedBetween changes the medium after it was written: Verify finds it, and Repair writes it again.
func testChangedBetween(t *testing.T, b backend) {
	const size = 5 * mib
	want := random(size, 8)
	path := full(t, size)
	s, err := b.open(t, b.attach(t, path), newImage(t, want), hooks{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(s.ctx); err != nil {
		t.Fatal(err)
	}
	damage(t, path, size-7, want[size-7]^1)
	r, err := repaired(s.ctx, s)
	if err != nil || !r.Valid() || s.Counts() != (Counts{Written: size, Rewritten: 1}) {
		t.Errorf("Verify = %+v, %v, %+v; want one range rewritten", r, err, s.Counts())
	}
	checkContent(t, b, path, want, nil)
}

// testHeals writes a place that cannot be read before it is written, as after a power cut.
func testHeals(t *testing.T, b backend) {
	const size = 20 * mib
	want := random(size, 1)
	for _, at := range []int64{0, 7*mib + 100<<10} {
		var healed atomic.Bool
		hits := func(off int64, n int) bool { return off <= at && at < off+int64(n) }
		m := mounted(t, &flashtest.Medium{
			Size:       size,
			Unreadable: func(off int64, n int) bool { return !healed.Load() && hits(off, n) },
			Before: func(write bool, off int64, n int) {
				if write && hits(off, n) {
					healed.Store(true)
				}
			},
		}, false)
		m.Content().WriteAt(want, 0)
		m.Content().WriteAt([]byte{want[3*mib] ^ 1}, 3*mib)
		if _, _, err := b.flash(t, b.attach(t, m.Path), newImage(t, want)); err != nil {
			t.Errorf("flash with byte %d unreadable before = %v; want no error", at, err)
		}
	}
}

// testReadError verifies a medium that cannot be read at its end.
func testReadError(t *testing.T, b backend) {
	const size = 6 * mib
	want := random(size, 1)
	m := mounted(t, &flashtest.Medium{Size: size, Unreadable: func(off int64, n int) bool { return off+int64(n) > 5*mib }}, false)
	m.Content().WriteAt(want, 0)
	s, err := b.open(t, b.attach(t, m.Path), newImage(t, want), hooks{beforeWrite: func() { t.Error("BeforeWrite was called") }})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Verify(s.ctx); r.Valid() || !isKind(err, classify.VerifyRead) {
		t.Errorf("Verify = %+v, %v; want %s", r, err, classify.VerifyRead)
	}
}

// testImageChanged changes the image after it was opened: no medium is verified, whatever it holds.
func testImageChanged(t *testing.T, b backend) {
	for _, size := range []int{3 * writeBlock, 5 * mib} {
		original := random(size, 7)
		im := newImage(t, original)
		changed := bytes.Clone(original)
		changed[size/2] ^= 1
		put(t, im.File().Name(), changed)
		path := full(t, size)
		medium := b.attach(t, path)
		for what, before := range map[string][]byte{"something else": nil, "the changed image": changed, "the image": original} {
			setContent(t, b, path, before, size)
			if r, _, err := b.flash(t, medium, im); r.Valid() || classify.Find(err, classify.ImageChanged) == nil {
				t.Errorf("flash %d bytes over %s = %+v, %v; want %s", size, what, r, err, classify.ImageChanged)
			}
		}
		im = newImage(t, original)
		im.err = classify.New(classify.ImageChanged, "changed")
		if r, _, err := b.flash(t, medium, im); r.Valid() || !isKind(err, classify.ImageChanged) {
			t.Errorf("flash of an image whose file is another one = %+v, %v; want %s", r, err, classify.ImageChanged)
		}
	}
}

// mounted mounts a faulty medium.
func mounted(t *testing.T, m *flashtest.Medium, full bool) *flashtest.Medium {
	t.Helper()
	if err := m.Mount(t.TempDir(), full); err != nil {
		t.Skipf("LEFT OUT: a medium of our own cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := m.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// loop returns a new loop device that a file backs.
func loop(t *testing.T, backing string, options ...string) string {
	t.Helper()
	out, err := exec.Command("losetup", append(options, "--find", "--show", backing)...).CombinedOutput()
	if err != nil {
		t.Skipf("LEFT OUT: a loop device cannot be made: %v: %s", err, out)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "--detach", device).CombinedOutput(); err != nil {
			t.Errorf("losetup --detach %s: %v: %s", device, err, out)
		}
	})
	return device
}
