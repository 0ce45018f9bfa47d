package image

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// later is a clock on which all files are old.
type later struct{ clock.Real }

func (later) Now() time.Time { return time.Now().Add(time.Hour) }

// race is runs that open an image at once.
type race struct {
	unpacked atomic.Int64  // runs that unpacked the image
	waiting  chan string   // receives the notes of the runs that wait
	working  chan struct{} // receives one element for each run that unpacks
	proceed  chan struct{} // closed when the runs that unpack may continue
}

func newRace() *race {
	return &race{waiting: make(chan string, 100), working: make(chan struct{}, 100), proceed: make(chan struct{})}
}

// observer returns the observer of one run.
func (r *race) observer() Observer {
	var once sync.Once
	return Observer{
		Note: func(text string) {
			if strings.HasPrefix(text, "waits for ") {
				r.waiting <- text
			}
		},
		Range: func(*Image, Range) {
			once.Do(func() {
				r.unpacked.Add(1)
				r.working <- struct{}{}
				<-r.proceed
			})
		},
	}
}

// opened is the result of an Open.
type opened struct {
	sum    string
	ranges string
	err    error
}

func (s Stager) opened(ctx context.Context, path string) opened {
	im, err := s.Open(ctx, Ref(path))
	if err != nil {
		return opened{err: err}
	}
	defer im.Close()
	for _, r := range im.Ranges() {
		if err := im.ReadRange(r, make([]byte, r.Len)); err != nil {
			return opened{err: err}
		}
	}
	return opened{im.SHA256(), fmt.Sprint(im.Ranges()), im.CheckUnchanged()}
}

// TestRunsOfAProcessUnpackOnce opens one image by many goroutines at once.
func TestRunsOfAProcessUnpackOnce(t *testing.T) {
	const runs = 8
	want := content(5, 9<<20)
	sum := fmt.Sprintf("%x", sha256.Sum256(want))
	for name, tt := range map[string]struct {
		clock  clock.Clock
		copies bool
		digest string
	}{
		"a file":                       {later{}, false, ""},
		"a file that has just changed": {clock.Real{}, false, ""},
		"copies of a file":             {later{}, true, ""},
		"a digest":                     {later{}, false, sum},
		"a digest of another kind":     {later{}, false, "md5:" + md5Of(want)},
	} {
		t.Run(name, func(t *testing.T) {
			c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
			r := newRace()
			path := gzipped(t, want)
			results := make(chan opened, runs)
			for i := range runs {
				if tt.copies {
					path = gzipped(t, want)
				}
				if i == 1 {
					<-r.working
				}
				go func(path string) {
					results <- Stager{Cache: c, Clock: tt.clock, Digest: tt.digest, Observer: r.observer()}.opened(t.Context(), path)
				}(path)
			}
			for range runs - 1 {
				if text := <-r.waiting; !strings.HasPrefix(text, "waits for another run of this process, which unpacks /") {
					t.Errorf("note = %q; want that it waits for another run", text)
				}
			}
			close(r.proceed)
			first := <-results
			for range runs - 1 {
				if got := <-results; got != first || got.err != nil || got.sum != sum {
					t.Errorf("Open = %+v and %+v; want the same image, %s", first, got, sum)
				}
			}
			if n := r.unpacked.Load(); n != 1 {
				t.Errorf("runs that unpacked = %d; want 1", n)
			}
		})
	}
}

// TestWaitingEndsWithItsContext cancels a run that waits.
func TestWaitingEndsWithItsContext(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	path := gzipped(t, content(1, 1<<20))
	r := newRace()
	first := make(chan opened, 1)
	go func() { first <- Stager{Cache: c, Observer: r.observer()}.opened(t.Context(), path) }()
	<-r.working
	ctx, cancel := context.WithCancelCause(t.Context())
	end := errors.New("the end")
	if got := (Stager{Cache: c, Observer: Observer{Note: func(string) { cancel(end) }}}).opened(ctx, path); !errors.Is(got.err, end) {
		t.Errorf("Open with a cancelled context = %v; want %v", got.err, end)
	}
	close(r.proceed)
	if got := <-first; got.err != nil {
		t.Errorf("Open of the other run = %v; want nil", got.err)
	}
}

// TestNextRunAfterACancelledOne cancels the run for which others wait: exactly one of them unpacks the image.
func TestNextRunAfterACancelledOne(t *testing.T) {
	const waiters = 3
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	path := gzipped(t, content(1, 9<<20))
	cancelled, others := newRace(), newRace()
	close(others.proceed)
	ctx, cancel := context.WithCancel(t.Context())
	first, results := make(chan opened, 1), make(chan opened, waiters)
	go func() { first <- Stager{Cache: c, Observer: cancelled.observer()}.opened(ctx, path) }()
	<-cancelled.working
	for range waiters {
		go func() { results <- Stager{Cache: c, Observer: others.observer()}.opened(t.Context(), path) }()
	}
	for range waiters {
		<-others.waiting
	}
	cancel()
	close(cancelled.proceed)
	if got := <-first; !errors.Is(got.err, context.Canceled) {
		t.Errorf("Open of the cancelled run = %v; want %v", got.err, context.Canceled)
	}
	for range waiters {
		if got := <-results; got.err != nil {
			t.Errorf("Open of a run that waited = %v; want nil", got.err)
		}
	}
	if n := others.unpacked.Load(); n != 1 {
		t.Errorf("runs that unpacked after the cancelled one = %d; want 1", n)
	}
}

// TestEachRunHasItsOwnError holds that a run that waited for one that failed tries itself, and names its own file.
func TestEachRunHasItsOwnError(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	path, other := gzipped(t, content(1, 9<<20)), filepath.Join(t.TempDir(), "other.img.gz")
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	packed[len(packed)-6] ^= 1 // in its checksum
	if err := errors.Join(os.WriteFile(path, packed, 0o600), os.WriteFile(other, packed, 0o600)); err != nil {
		t.Fatal(err)
	}
	r := newRace()
	first, second := make(chan opened, 1), make(chan opened, 1)
	go func() { first <- Stager{Cache: c, Observer: r.observer()}.opened(t.Context(), path) }()
	<-r.working
	go func() { second <- Stager{Cache: c, Observer: r.observer()}.opened(t.Context(), other) }()
	<-r.waiting
	close(r.proceed)
	for path, result := range map[string]chan opened{path: first, other: second} {
		if err := (<-result).err; classify.Facts(err).Kind != classify.ImageDecode || !strings.Contains(err.Error(), "the image "+path+" is damaged") {
			t.Errorf("Open(%s) = %v; want %s, which names the file", path, err, classify.ImageDecode)
		}
	}
	if n := r.unpacked.Load(); n != 2 {
		t.Errorf("runs that unpacked = %d; want both", n)
	}
}

// TestWaitForAStoppedRun holds that a run waits at most turnSilence for one that makes no progress, and that the wait
// counts as slow.
func TestWaitForAStoppedRun(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	path := gzipped(t, content(1, 9<<20))
	r := newRace()
	first := make(chan opened, 1)
	go func() { first <- Stager{Cache: c, Observer: r.observer()}.opened(t.Context(), path) }()
	<-r.working
	var virtual clock.Virtual
	slow, notes := false, ""
	if got := (Stager{Cache: c, Clock: &virtual, Observer: Observer{Slow: func() { slow = true }, Note: func(text string) { notes += text + "\n" }}}).opened(t.Context(), path); got.err != nil {
		t.Errorf("Open while another run does nothing = %v; want nil", got.err)
	}
	want := fmt.Sprintf("waits for another run of this process, which unpacks %s\nanother run of this process has made no progress for 1m0s: not waiting for it any longer\n", path)
	if waited := virtual.Now().Sub(time.Unix(0, 0)); !slow || notes != want || waited < turnSilence || waited > turnSilence+maxPoll {
		t.Errorf("slow = %t after %s, notes = %q; want a slow staging after %s, %q", slow, waited, notes, turnSilence, want)
	}
	close(r.proceed)
	if got := <-first; got.err != nil {
		t.Errorf("Open of the other run = %v; want nil", got.err)
	}
}

// TestSignsOfProgress holds that the work of a run sets the time of its lock file, at most once per interval.
func TestSignsOfProgress(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	if err := c.create(); err != nil {
		t.Fatal(err)
	}
	f, locked, err := c.lock(strings.Repeat("0", 64))
	if err != nil || !locked {
		t.Fatal(locked, err)
	}
	defer f.Close()
	var virtual clock.Virtual
	m := workMeter{slow: func() {}, alive: aliveSigns{clock: &virtual}}
	m.alive.add(f)
	at := func() int64 {
		st, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return st.ModTime().Unix()
	}
	for _, tt := range []struct {
		after time.Duration
		set   bool
	}{{aliveInterval - 1, false}, {1, true}, {1, false}, {aliveInterval, true}} {
		if err := os.Chtimes(f.Name(), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		virtual.Sleep(t.Context(), tt.after)
		m.add(1)
		if got := at(); got != 1 != tt.set || tt.set && got != virtual.Now().Unix() {
			t.Errorf("modification time after another %s = %d; want it set: %t", tt.after, got, tt.set)
		}
	}
}

// TestHandoverIsWhole holds that no part of a handover is read as one, and that of a changed image nothing is taken.
func TestHandoverIsWhole(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	im, err := Stager{Cache: c}.Open(t.Context(), Ref(gzipped(t, content(1, 9<<20))))
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	o := c.handoverOf(im)
	if o == nil {
		t.Fatal("handoverOf = nil; want the image")
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	writeHandover(f, o)
	raw, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	for n := range raw {
		if got := parseHandover(raw[:n]); got != nil {
			t.Fatalf("parseHandover of %d of %d bytes = %+v; want nil", n, len(raw), got)
		}
	}
	again := c.openUnchanged(parseHandover(raw))
	if again == nil || fmt.Sprint(again.Ranges()) != fmt.Sprint(im.Ranges()) || again.sum != im.sum || again.size != im.size {
		t.Fatalf("openUnchanged = %+v; want %+v", again, im)
	}
	again.Close()
	path := filepath.Join(c.images(), o.Entry+imageSuffix)
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	st, err := w.Stat()
	if err == nil {
		_, err = w.WriteAt([]byte{1}, 0)
	}
	if err := errors.Join(err, w.Close(), os.Chtimes(path, st.ModTime(), st.ModTime())); err != nil {
		t.Fatal(err)
	}
	if again := c.openUnchanged(o); again != nil {
		t.Errorf("openUnchanged of a changed file = %+v; want nil", again)
	}
}

// TestLocksAreRemoved removes the lock files that no run has used for long.
func TestLocksAreRemoved(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	if err := c.create(); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	left := map[string]bool{}
	for key, tt := range map[string]struct {
		age    time.Duration
		locked bool
		left   bool
	}{
		strings.Repeat("0", 64): {lockAge + time.Minute, false, false},
		strings.Repeat("1", 64): {lockAge + time.Minute, true, true},
		strings.Repeat("2", 64): {lockAge - time.Minute, false, true},
	} {
		f, locked, err := c.lock(key)
		if err != nil || !locked {
			t.Fatal(locked, err)
		}
		if tt.locked {
			defer f.Close()
		} else {
			f.Close()
		}
		if err := os.Chtimes(f.Name(), now.Add(-tt.age), now.Add(-tt.age)); err != nil {
			t.Fatal(err)
		}
		left[f.Name()] = tt.left
	}
	c.evict(c.Limit, now)
	for path, want := range left {
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("Lstat(%s) after evict = %v; want it there: %t", filepath.Base(path), err, want)
		}
	}
}

// turnChild makes the test's program open an image in a cache.
const turnChild = "FLASHLUA_TEST_TURN_CHILD"

// openInTurn opens an image, prints its notes, "unpacks" if it unpacks it, and its digest. A run that unpacks
// continues after a line on its standard input.
func openInTurn(dir, path string) {
	var once sync.Once
	got := Stager{Cache: &Cache{Dir: dir, Limit: 1 << 30}, Observer: Observer{
		Note: func(text string) { fmt.Println(text) },
		Range: func(*Image, Range) {
			once.Do(func() {
				fmt.Println("unpacks")
				bufio.NewReader(os.Stdin).ReadString('\n')
			})
		},
	}}.opened(context.Background(), path)
	fmt.Println(got.sum, got.err)
	os.Exit(0)
}

// turnProcess is a process of openInTurn.
type turnProcess struct {
	*exec.Cmd
	in io.WriteCloser
}

// line is what a process printed.
type line struct {
	by   *turnProcess
	text string
}

func startTurn(t *testing.T, c *Cache, path string, lines chan<- line) *turnProcess {
	p := &turnProcess{Cmd: exec.CommandContext(t.Context(), os.Args[0], path)}
	p.Env = append(os.Environ(), turnChild+"="+c.Dir)
	p.Stderr = os.Stderr
	var err error
	if p.in, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- line{p, s.Text()}
		}
		p.Wait()
		lines <- line{p, "end"}
	}()
	return p
}

// TestProcessesUnpackOnce opens one image by many processes at once. Each time, the one that unpacks it is killed,
// but for the last time.
func TestProcessesUnpackOnce(t *testing.T) {
	const runs, kills = 6, 2
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	want := content(5, 9<<20)
	path := gzipped(t, want)
	lines := make(chan line)
	by := startTurn(t, c, path, lines)
	if l := <-lines; l.text != "unpacks" {
		t.Fatalf("the first process printed %q; want that it unpacks", l.text)
	}
	waits := fmt.Sprintf("waits for process %d, which unpacks %s", by.Process.Pid, path)
	for range runs - 1 {
		startTurn(t, c, path, lines)
		if l := <-lines; l.text != waits {
			t.Fatalf("process %d printed %q; want %q", l.by.Process.Pid, l.text, waits)
		}
	}
	for range kills {
		by.Process.Kill()
		for killed := by; by == killed; {
			switch l := <-lines; {
			case l.text == "end" && l.by == killed:
			case l.text == "unpacks":
				by = l.by
			default:
				t.Fatalf("process %d printed %q; want that another one unpacks", l.by.Process.Pid, l.text)
			}
		}
	}
	fmt.Fprintln(by.in)
	result := fmt.Sprintf("%x <nil>", sha256.Sum256(want))
	for ended, taken := 0, 0; ended < runs-kills; {
		switch l := <-lines; l.text {
		case "end":
			ended++
		case fmt.Sprintf("taken from process %d", by.Process.Pid):
			taken++
		case result:
			if l.by == by {
				taken++
			}
		default:
			t.Errorf("process %d printed %q; want the image", l.by.Process.Pid, l.text)
		}
	}
	if images, _ := inCache(t, c); len(images) != 1 {
		t.Errorf("cached images = %v; want 1", images)
	}
	if _, notes := staged(t, c, path, want); notes != reused {
		t.Errorf("notes of the next run = %q; want the cached image", notes)
	}
}

func md5Of(p []byte) string {
	d := digest{kind: "md5"}
	h := d.newHash()
	io.Copy(h, bytes.NewReader(p))
	return d.of(h).hex
}

// TestHandedOverImageIsGone holds that a run unpacks the image itself if the one that was handed over was removed
// meanwhile, and that the next one waits for this run.
func TestHandedOverImageIsGone(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	path := gzipped(t, content(1, 9<<20))
	o, err := Stager{Cache: c}.opener()
	if err != nil {
		t.Fatal(err)
	}
	first, err := o.take(t.Context(), strings.Repeat("0", 64), "unpacks x")
	if err != nil {
		t.Fatal(err)
	}
	im, err := Stager{Cache: c}.Open(t.Context(), Ref(path))
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	waits, second := make(chan string, 1), make(chan *turn, 1)
	go func() {
		o, err := Stager{Cache: c, Observer: Observer{Note: func(text string) { waits <- text }}}.opener()
		if err != nil {
			t.Error(err)
		}
		next, err := o.take(t.Context(), strings.Repeat("0", 64), "unpacks x")
		if err != nil {
			t.Error(err)
		}
		second <- next
	}()
	<-waits
	first.end(t.Context(), im, nil)
	c.removeEntry(im.source)
	first.release()
	next := <-second
	defer next.release()
	if next.found == nil {
		t.Fatal("found = nil; want what the first run left")
	}
	if got := next.image("x"); got != nil {
		t.Errorf("image = %v; want nil", got)
	}
	if o := readHandover(next.lock); o == nil || o.Process != os.Getpid() || !o.At.IsZero() {
		t.Errorf("the lock file has %+v; want that this process works", o)
	}
}
