package hold

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
)

// bench is a name that tests hold.
var bench = []string{StationName("bench-7")}

// newLocks returns locks in a folder that every user can write to.
func newLocks(t *testing.T) Locks {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return Locks{Dir: dir}
}

// hold acquires bench at once.
func hold(t *testing.T, l Locks, r Request) *Lock {
	t.Helper()
	lock, err := l.Acquire(t.Context(), bench, r)
	if err != nil {
		t.Fatalf("Acquire() = %v; want nil", err)
	}
	t.Cleanup(lock.Release)
	return lock
}

// wantHeld checks that bench cannot be acquired at once, and that the error has a text.
func wantHeld(t *testing.T, l Locks, r Request, text string) {
	t.Helper()
	lock, err := l.Acquire(t.Context(), bench, r)
	if err == nil {
		lock.Release()
	}
	if f := classify.Facts(err); f.Kind != classify.StationHeld || !strings.Contains(fmt.Sprint(err), text) || !strings.Contains(f.Hint, "--wait") {
		t.Errorf("Acquire() = %v of kind %s, hint %q; want %q of kind %s, a hint to wait", err, f.Kind, f.Hint, text, classify.StationHeld)
	}
}

// TestOneJobAtATime holds that a station has one holder, who is named.
func TestOneJobAtATime(t *testing.T) {
	l := newLocks(t)
	if h, ok := l.Holder(bench[0]); ok {
		t.Errorf("Holder() before = %v; want none", h)
	}
	lock := hold(t, l, Request{Command: "flashlua run mine.lua", Image: "disk.img", Station: "bench-7"})
	h, ok := l.Holder(bench[0])
	if want := (Hold{User: userName(), PID: os.Getpid(), Command: "flashlua run mine.lua", Since: h.Since, Station: "bench-7", Image: "disk.img"}); !ok || h != want || h.Since.IsZero() {
		t.Errorf("Holder() = %+v, %v; want %+v", h, ok, want)
	}
	wantHeld(t, l, Request{}, fmt.Sprintf("station bench-7 is held by %s (process %d) since %s, flashlua run mine.lua, image disk.img", userName(), os.Getpid(), h.Since.Local().Format("2006-01-02 15:04:05")))
	other, err := l.Acquire(t.Context(), []string{"tcp:127.0.0.1:1"}, Request{})
	if err != nil {
		t.Fatalf("Acquire() of another name = %v; want nil", err)
	}
	other.Release()
	lock.Release()
	lock.Release()
	if h, ok := l.Holder(bench[0]); ok {
		t.Errorf("Holder() after = %v; want none", h)
	}
	hold(t, l, Request{})
}

// TestAllOrNothing holds that a job that does not get all names keeps none.
func TestAllOrNothing(t *testing.T) {
	l := newLocks(t)
	lock := hold(t, l, Request{})
	names := []string{"tcp:a:1", "tcp:a:1", bench[0], "exec:a"}
	if _, err := l.Acquire(t.Context(), names, Request{}); classify.Facts(err).Kind != classify.StationHeld {
		t.Errorf("Acquire() = %v; want kind %s", err, classify.StationHeld)
	}
	for _, name := range names {
		if _, held := l.Holder(name); held != (name == bench[0]) {
			t.Errorf("Holder(%s) = %v; want %v", name, held, name == bench[0])
		}
	}
	lock.Release()
	all, err := l.Acquire(t.Context(), names, Request{})
	if err != nil {
		t.Fatalf("Acquire() = %v; want nil", err)
	}
	all.Release()
}

// waiter is a job that waits.
type waiter struct {
	queued chan Queue // what Notify got
	got    chan error
	lock   *Lock
}

func wait(ctx context.Context, l Locks, r Request) *waiter {
	w := &waiter{queued: make(chan Queue, 100), got: make(chan error, 1)}
	r.Notify = func(q Queue) error {
		w.queued <- q
		return nil
	}
	go func() {
		var err error
		w.lock, err = l.Acquire(ctx, bench, r)
		w.got <- err
	}()
	return w
}

// TestOrderOfArrival holds that jobs get a station in the order in which they asked for it, that they learn their
// place, and that a job that does not wait does not pass them.
func TestOrderOfArrival(t *testing.T) {
	l := newLocks(t)
	synctest.Test(t, func(t *testing.T) {
		first := hold(t, l, Request{Command: "first"})
		var all []*waiter
		for i := range 3 {
			w := wait(t.Context(), l, Request{Wait: time.Hour, Command: fmt.Sprint("waiter ", i)})
			if q := <-w.queued; q.Place != i+1 || q.Holder.Command != "first" || q.Name != "station bench-7" {
				t.Errorf("waiter %d: Notify(%+v); want place %d, held by first", i, q, i+1)
			}
			all = append(all, w)
		}
		first.Release()
		for i, w := range all {
			if err := <-w.got; err != nil {
				t.Fatalf("waiter %d: Acquire() = %v; want nil", i, err)
			}
			for j, other := range all[i+1:] {
				if len(other.got) > 0 {
					t.Errorf("waiter %d has it together with %d", i+1+j, i)
				}
			}
			if i == 0 {
				if q := <-all[1].queued; q.Place != 1 && q.Place != 2 {
					t.Errorf("waiter 1: Notify(%+v); want another place or holder", q)
				}
				wantHeld(t, l, Request{}, "station bench-7 is")
			}
			w.lock.Release()
		}
		hold(t, l, Request{}).Release()
	})
}

// TestWaitEnds holds what ends a wait: its time, its context, an error of Notify.
func TestWaitEnds(t *testing.T) {
	l := newLocks(t)
	stop := errors.New("stop")
	synctest.Test(t, func(t *testing.T) {
		defer hold(t, l, Request{Command: "long"}).Release()
		began := time.Now()
		_, err := l.Acquire(t.Context(), bench, Request{Wait: 5 * time.Second})
		if took := time.Since(began); took != 5*time.Second || classify.Facts(err).Kind != classify.StationHeld || !strings.Contains(fmt.Sprint(err), "waited 5s for station bench-7, place 1") {
			t.Errorf("Acquire() = %v after %s; want kind %s after 5s", err, took, classify.StationHeld)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		w := wait(ctx, l, Request{Wait: time.Hour})
		<-w.queued
		cancel(stop)
		if err := <-w.got; err != stop {
			t.Errorf("Acquire() with a cancelled context = %v; want %v", err, stop)
		}
		_, err = l.Acquire(t.Context(), bench, Request{Wait: time.Hour, Notify: func(Queue) error { return stop }})
		if err != stop {
			t.Errorf("Acquire() with an error of Notify = %v; want %v", err, stop)
		}
	})
	entries, err := os.ReadDir(l.Dir)
	if len(entries) != 2 || err != nil {
		t.Errorf("files after the waits = %v, %v; want the lock and its queue", entries, err)
	}
}

// TestManyJobs holds that of many jobs that come at once each gets the station, alone.
func TestManyJobs(t *testing.T) {
	l := newLocks(t)
	synctest.Test(t, func(t *testing.T) {
		var inside, most, done atomic.Int32
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				lock, err := l.Acquire(t.Context(), bench, Request{Wait: time.Hour})
				if err != nil {
					t.Errorf("Acquire() = %v; want nil", err)
					return
				}
				most.Store(max(most.Load(), inside.Add(1)))
				time.Sleep(time.Second) // of the bubble: another job could come in
				inside.Add(-1)
				done.Add(1)
				lock.Release()
			})
		}
		wg.Wait()
		if most.Load() != 1 || done.Load() != 20 {
			t.Errorf("%d jobs, %d at a time; want 20, 1", done.Load(), most.Load())
		}
	})
}

// TestWithinAHold holds that jobs within a hold may use the station, one at a time, and that no other job may while one
// of them does, even if the hold around it has ended.
func TestWithinAHold(t *testing.T) {
	l := newLocks(t)
	outer := hold(t, l, Request{Lend: true, Command: "outer"})
	name, secret, _ := strings.Cut(outer.Env(), "=")
	if name != Variable || secret == "" {
		t.Fatalf("Env() = %s; want %s=SECRET", outer.Env(), Variable)
	}
	for _, within := range []string{"", "1", "true", ",", secret[1:]} {
		wantHeld(t, l, Request{Within: within}, "is held by "+userName())
	}
	inner := hold(t, l, Request{Within: secret, Command: "inner", Lend: true})
	wantHeld(t, l, Request{Within: secret}, "inner")
	_, secrets, _ := strings.Cut(inner.Env(), "=")
	innermost := hold(t, l, Request{Within: secrets, Command: "innermost"})
	innermost.Release()
	outer.Release()
	wantHeld(t, l, Request{}, "inner")
	wantHeld(t, l, Request{Within: secret}, "inner")
	inner.Release()
	next := hold(t, l, Request{Command: "next"})
	wantHeld(t, l, Request{Within: secret}, "next") // the secret of a hold that has ended
	next.Release()
	hold(t, l, Request{Within: secret})
}

// TestWhatIsInTheWay holds that what any user can put into the folder is neither waited for, written to nor followed.
func TestWhatIsInTheWay(t *testing.T) {
	precious := func(l Locks) string { return filepath.Join(l.Dir, "precious") }
	for name, plant := range map[string]func(l Locks, path string) error{
		"a FIFO":                 func(_ Locks, path string) error { return unix.Mkfifo(path, 0o666) },
		"a folder":               func(_ Locks, path string) error { return os.Mkdir(path, 0o777) },
		"a link to a file":       func(l Locks, path string) error { return os.Symlink(precious(l), path) },
		"a link to nothing":      func(_ Locks, path string) error { return os.Symlink("nothing", path) },
		"another name of a file": func(l Locks, path string) error { return os.Link(precious(l), path) },
	} {
		for _, suffix := range []string{"", ".queue"} {
			t.Run(name+suffix, func(t *testing.T) {
				l := newLocks(t)
				path := l.path(bench[0]) + suffix
				if err := errors.Join(os.WriteFile(precious(l), []byte("data"), 0o600), plant(l, path)); err != nil {
					t.Fatal(err)
				}
				_, err := l.Acquire(t.Context(), bench, Request{})
				if f := classify.Facts(err); f.Kind != classify.StationLock || !strings.Contains(fmt.Sprint(err), path+" is in the way") || !strings.Contains(f.Hint, "remove it") {
					t.Errorf("Acquire() = %v of kind %s, hint %q; want %s is in the way, a hint to remove it", err, f.Kind, f.Hint, path)
				}
				if text, err := os.ReadFile(precious(l)); string(text) != "data" {
					t.Errorf("the other file has %q, %v; want %q", text, err, "data")
				}
			})
		}
		t.Run(name+" as a ticket", func(t *testing.T) {
			l := newLocks(t)
			if err := errors.Join(os.WriteFile(precious(l), []byte("data"), 0o600), plant(l, ticketPath(l.path(bench[0]), 7))); err != nil {
				t.Fatal(err)
			}
			hold(t, l, Request{})
			if text, err := os.ReadFile(precious(l)); string(text) != "data" {
				t.Errorf("the other file has %q, %v; want %q", text, err, "data")
			}
		})
	}
}

// TestDeadTickets holds that a ticket without a process and a name that is no number do not count.
func TestDeadTickets(t *testing.T) {
	l := newLocks(t)
	for _, number := range []string{"3", "03", "-1", "x", "99999999999999999999", "4611686018427387904"} {
		if err := os.WriteFile(l.path(bench[0])+ticketInfix+number, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	hold(t, l, Request{})
	if _, err := os.Stat(ticketPath(l.path(bench[0]), 3)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Stat() of a dead ticket = %v; want %v", err, os.ErrNotExist)
	}
}

// TestFolder holds that a folder that cannot keep jobs apart is refused, with a way out.
func TestFolder(t *testing.T) {
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		"/no/such/folder": "no such file or directory",
		file:              "not a directory",
		open:              "lets users remove the locks of others",
		"/proc":           "/proc, cannot be used", // where no file can be made
	} {
		_, err := Locks{Dir: dir}.Acquire(t.Context(), bench, Request{Wait: time.Hour})
		if f := classify.Facts(err); f.Kind != classify.StationLock || !strings.Contains(fmt.Sprint(err), want) || !strings.Contains(fmt.Sprint(err), dir) || !strings.Contains(f.Hint, FolderVariable) {
			t.Errorf("Acquire() in %s = %v of kind %s, hint %q; want %q of kind %s, a hint with %s", dir, err, f.Kind, f.Hint, want, classify.StationLock, FolderVariable)
		}
	}
	if got := Folder(func(string) string { return "/x" }); got != "/x" {
		t.Errorf("Folder() with the variable = %s; want /x", got)
	}
	if err := checkFolder(Folder(func(string) string { return "" })); err != nil {
		t.Errorf("checkFolder(Folder()) = %v; want nil", err)
	}
}

// TestHolderIsShownSafely holds that what a lock file says is shown without control characters, and cut.
func TestHolderIsShownSafely(t *testing.T) {
	l := newLocks(t)
	hold(t, l, Request{})
	path := l.path(bench[0])
	for text, want := range map[string]string{
		"":                                      "another process",
		"{":                                     "another process",
		`{"user":"\u001b[2Jann\u0007","pid":7}`: "[2Jann (process 7)",
		`{"user":"` + strings.Repeat("x", maxText+1) + `"}`: strings.Repeat("x", maxText) + " (process 0)",
		`{"user":"` + strings.Repeat("x", maxRecord) + `"}`: "another process",
	} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if h, ok := l.Holder(bench[0]); h.String() != want || !ok {
			t.Errorf("Holder() of %.60q = %s, %v; want %s", text, h, ok, want)
		}
	}
}
