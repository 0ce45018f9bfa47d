package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"github.com/flashlua/flashlua/engine/input"
)

const (
	// minPoll and maxPoll bound the time between two tries of a waiting run to get its turn: an eighth of its wait.
	minPoll = 10 * time.Millisecond
	maxPoll = 200 * time.Millisecond
	// turnSlow is how long a run waits before its staging counts as slow.
	turnSlow = 500 * time.Millisecond
	// turnSilence is how long a run waits for one that reads and decodes nothing: it may be stopped.
	turnSilence = time.Minute
	// turnUnknown is how many polls a run waits for the number of the other process.
	turnUnknown = 4
	// settled is how old the last change of a file must be so that another one has another time.
	settled = 2 * time.Second
)

// turn is the right to open an image that the runs which share a cache open one at a time: the processes of the
// machine, and the goroutines of a process. A run that waited for its turn takes what the one before it put into
// the cache. The kernel ends a turn when its process ends, however it ends.
//
// A run has at most two turns at a time, first that of a file or an address, then that of a digest, so that runs
// cannot wait for each other.
type turn struct {
	*opener
	lock  *os.File  // locked; nil if the run does not wait for others, and others do not wait for it
	found *handover // of the run that this one waited for; nil if it left none, or if there was none
}

// once opens an image, or takes the one that another run opened meanwhile. The runs of one key open the same
// image; "" is a run that shares with no other. doing is what open does with the image ref, for messages.
func (s *opener) once(ctx context.Context, key string, ref Ref, doing string, open func() (*Image, error)) (*Image, error) {
	t, err := s.take(ctx, key, fmt.Sprintf("%s %s", doing, ref))
	if err != nil {
		return nil, err
	}
	defer t.release()
	im := t.image(ref)
	if im == nil {
		im, err = open()
		t.end(ctx, im, err)
	}
	return im, err
}

// take waits until no other run has the turn of key, and takes it. It does not wait for a run that makes no
// progress, nor where no image can be handed over.
func (s *opener) take(ctx context.Context, key, doing string) (*turn, error) {
	t := &turn{opener: s}
	if key == "" || s.alone || !s.Cache.keeps() {
		return t, nil
	}
	w := waiter{opener: s, doing: doing, since: s.Clock.Now()}
	for {
		f, locked, err := s.Cache.lock(key)
		switch {
		case err != nil: // as on a file system without locks
			s.alone = true
			return t, nil
		case locked:
			return t.begin(f, &w), nil
		}
		silent := w.look(f)
		f.Close()
		if silent {
			s.alone = true
			return t, nil
		}
		poll := min(max(s.Clock.Now().Sub(w.since)/8, minPoll), maxPoll)
		if err := s.Clock.Sleep(ctx, poll); err != nil {
			return nil, err
		}
	}
}

// begin begins the turn, whose lock is f.
func (t *turn) begin(f *os.File, w *waiter) *turn {
	t.lock = f
	t.work.alive.add(f)
	if o := readHandover(f); w.waited && o != nil && !o.At.Before(w.since) {
		if o.Alone {
			t.alone = true
			t.release()
		} else {
			t.found = o
		}
		return t
	}
	t.announce()
	return t
}

// announce writes for the runs that will wait for this one which process it is.
func (t *turn) announce() { writeHandover(t.lock, &handover{Process: os.Getpid()}) }

// sourceKey returns the key of the runs that open the same file with the same options, "" if there is none: if the
// content of the file could change unnoticed, or if the digest of the file must be computed.
func (s *opener) sourceKey(src source) string {
	stamp, ok := stampOf(src.File)
	if src.private || !ok || s.needsFile() || s.Clock.Now().Sub(time.Unix(0, stamp.Changed)) < settled {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "file %+v %s %q", stamp, s.Format, src.name))
	return hex.EncodeToString(sum[:])
}

// addressKey returns the key of the runs that download an address.
func addressKey(address string) string {
	sum := sha256.Sum256([]byte("address " + address))
	return hex.EncodeToString(sum[:])
}

// image opens the image of the run that this one waited for, nil if there is none.
func (t *turn) image(ref Ref) *Image {
	if t.found == nil {
		return nil
	}
	im := t.Cache.openUnchanged(t.found)
	if im == nil { // it was removed to make room
		t.found = nil
		t.announce()
		return nil
	}
	im.ref = ref
	t.Cache.touch(t.found.Entry, t.Clock.Now())
	t.Observer.Note("taken from " + processName(t.found.Process))
	return im
}

// end publishes the result of the turn for the runs that wait. If ctx has ended, the next one opens the image.
func (t *turn) end(ctx context.Context, im *Image, err error) {
	if t.lock == nil || ctx.Err() != nil {
		return
	}
	var o *handover
	if err == nil {
		o = t.Cache.handoverOf(im)
	}
	if o == nil {
		t.endAlone()
		return
	}
	o.Process, o.At = os.Getpid(), t.Clock.Now()
	writeHandover(t.lock, o)
}

// endAlone ends the turn before the image is open: there is nothing that the others could wait for.
func (t *turn) endAlone() {
	if t.lock != nil {
		writeHandover(t.lock, &handover{Process: os.Getpid(), At: t.Clock.Now(), Alone: true})
		t.release()
	}
}

// release lets the next run have its turn. It may be called more than once.
func (t *turn) release() {
	if t.lock != nil {
		t.work.alive.remove(t.lock)
		t.lock.Close()
		t.lock = nil
	}
}

// waiter is a run that waits for its turn.
type waiter struct {
	*opener
	doing  string // what the other run does, for messages
	since  time.Time
	waited bool // whether another run had the turn

	polls int    // so far
	other string // the process that it waits for; "" until it says so

	sign time.Time // modification time of the lock file
	seen time.Time // when it changed
}

// look looks at f, which another run has locked, and reports whether that run makes no progress any more. It says
// once for which process the run waits.
func (w *waiter) look(f *os.File) (silent bool) {
	now := w.Clock.Now()
	if st, err := f.Stat(); err == nil && !st.ModTime().Equal(w.sign) {
		w.sign, w.seen = st.ModTime(), now
	}
	w.waited = true
	if w.polls++; w.other == "" {
		w.name(readHandover(f))
	}
	if now.Sub(w.since) >= turnSlow {
		w.work.markSlow()
	}
	if now.Sub(w.seen) < turnSilence {
		return false
	}
	w.Observer.Note(fmt.Sprintf("%s has made no progress for %s: not waiting for it any longer", w.other, turnSilence))
	return true
}

// name says for which process the run waits, as soon as that process has written its number.
func (w *waiter) name(o *handover) {
	switch known := o != nil && o.At.IsZero(); {
	case known:
		w.other = processName(o.Process)
	case w.polls > turnUnknown:
		w.other = "another process"
	default:
		return
	}
	w.Observer.Note(fmt.Sprintf("waits for %s, which %s", w.other, w.doing))
}

// processName names a process for messages.
func processName(id int) string {
	if id == os.Getpid() {
		return "another run of this process"
	}
	return fmt.Sprintf("process %d", id)
}

// readHandover returns what is in a lock file, nil if that is nothing whole.
func readHandover(f *os.File) *handover {
	raw, err := readStart(f)
	if err != nil {
		return nil
	}
	return parseHandover(raw)
}

func readStart(f *os.File) ([]byte, error) {
	if _, err := f.Seek(0, 0); err != nil {
		return nil, err
	}
	return input.ReadAll(f, maxRecord)
}
