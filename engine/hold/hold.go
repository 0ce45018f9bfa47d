// Package hold keeps other jobs off a station, or a console port.
//
// A hold is a lock of the kernel on a file (flock) in a folder that all users of the machine share. The kernel releases
// it when the process ends, however it ends: no hold and no place in the queue is ever stale. The content of the files
// is for people, and is not trusted. The package owns the folder, the locks and the queue. It does not know stations,
// ports or runs: names say what is held.
package hold

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// Variable is the environment variable that lets commands within a hold use what is held, see Lock.Env.
const Variable = "FLASHLUA_HOLD"

// StationName returns the name by which Acquire holds a station. Other names are those of console ports.
func StationName(station string) string { return stationPrefix + station }

const stationPrefix = "station:"

// describe returns a name for people.
func describe(name string) string {
	if station, ok := strings.CutPrefix(name, stationPrefix); ok {
		return "station " + station
	}
	return "the console port " + name
}

// Hold is what is known of a job that holds something. It comes from a file that every user may write to: it is for
// people only. Plain data: safe for concurrent use while nothing changes it.
type Hold struct {
	User    string    `json:"user,omitempty"`
	PID     int       `json:"pid,omitempty"`
	Command string    `json:"command,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Station string    `json:"station,omitempty"`
	Image   string    `json:"image,omitempty"`
}

// String describes the job for people.
func (h Hold) String() string {
	text := "another process"
	if h.User != "" {
		text = fmt.Sprintf("%s (process %d)", h.User, h.PID)
	}
	if !h.Since.IsZero() {
		text += " since " + h.Since.Local().Format("2006-01-02 15:04:05")
	}
	if h.Command != "" {
		text += ", " + h.Command
	}
	if h.Image != "" {
		text += ", image " + h.Image
	}
	return text
}

// Locks are the holds of a machine. Safe for concurrent use once its fields are set.
type Locks struct {
	Dir   string      // that all users share; see Folder
	Clock clock.Clock // nil is the system's
}

// Request is what a job says about itself, and how it waits. Plain data: safe for concurrent use while nothing changes
// it.
type Request struct {
	Command, Station, Image string        // for people
	Wait                    time.Duration // how long to wait for all names together; 0 is not at all
	// Notify is called before the first wait, and when the place in the queue or the holder changes. An error ends the
	// wait. It may be nil.
	Notify func(Queue) error
	// Within has the secrets of the holds around this job: the value of Variable. What they hold counts as free.
	Within string
	// Lend lets the processes that have the environment variable of Lock.Env use what is held, one at a time.
	Lend bool
}

// Queue is where a job waits. Plain data: safe for concurrent use while nothing changes it.
type Queue struct {
	Name   string // that the job waits for, in words
	Place  int    // in the queue, from 1: the next
	Holder Hold   // the zero value if another job of the queue is about to have it
}

// String describes the queue for people.
func (q Queue) String() string {
	if q.Holder == (Hold{}) {
		return fmt.Sprintf("waiting for %s: place %d in the queue", q.Name, q.Place)
	}
	return fmt.Sprintf("waiting for %s: place %d in the queue; it is held by %s", q.Name, q.Place, q.Holder)
}

// Lock holds stations or ports. Safe for concurrent use.
type Lock struct {
	env string

	mu    sync.Mutex // guards what follows
	files []*lockFile
}

// Env returns the environment variable, NAME=VALUE, that lets a process within the hold use what is held; "" without
// Request.Lend.
func (l *Lock) Env() string { return l.env }

// Release releases what is held. Further calls do nothing.
func (l *Lock) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		f.truncate()
		f.Close()
	}
	l.files = nil
}

// Acquire holds everything that is named. The error of a name that another job holds, after r.Wait, is of the kind
// station.held. Jobs get a name in the order in which they asked for it.
func (l Locks) Acquire(ctx context.Context, names []string, r Request) (*Lock, error) {
	if l.Clock == nil {
		l.Clock = clock.Real{}
	}
	if err := checkFolder(l.Dir); err != nil {
		return nil, err
	}
	a := &acquisition{Locks: l, request: r, until: l.Clock.Now().Add(r.Wait), within: splitSecrets(r.Within)}
	a.record.Hold = Hold{
		User: userName(), PID: os.Getpid(), Command: r.Command, Since: a.now(), Station: r.Station, Image: r.Image,
	}
	lock := &Lock{}
	if r.Lend {
		secret := rand.Text()
		a.record.Token = tokenOf(secret)
		lock.env = Variable + "=" + strings.Join(append(slices.Clone(a.within), secret), secretSeparator)
	}
	names = slices.Compact(slices.Sorted(slices.Values(names))) // in one order, so that two jobs do not wait for each other
	for _, name := range names {
		f, err := a.take(ctx, name)
		if err != nil {
			lock.Release()
			return nil, err
		}
		lock.files = append(lock.files, f)
	}
	return lock, nil
}

// Hold is Acquire in the form of Engine.Hold.
func (l Locks) Hold(ctx context.Context, names []string, r Request) (release func(), err error) {
	lock, err := l.Acquire(ctx, names, r)
	if err != nil {
		return nil, err
	}
	return lock.Release, nil
}

// Holder returns the job that holds name, and whether there is one.
func (l Locks) Holder(name string) (Hold, bool) {
	rec, locked := readRecord(l.path(name))
	return rec.Hold, locked
}

// errHeld returns the error of a name that was not free in time.
func errHeld(q Queue, waited time.Duration) error {
	text := q.Name + " is held by " + q.Holder.String()
	if q.Holder == (Hold{}) {
		text = fmt.Sprintf("%s is about to be used by another job, place %d in the queue", q.Name, q.Place)
	}
	if waited > 0 {
		text = fmt.Sprintf("waited %s for %s, place %d in the queue at the end: it is held by %s", waited, q.Name, q.Place, q.Holder)
	}
	return classify.WithHint(classify.New(classify.StationHeld, "%s", text), "wait for it, as with --wait 30m, or end that job")
}

// userName returns the name of the user, or the number.
func userName() string {
	if u, err := user.Current(); err == nil {
		return cmp.Or(u.Username, u.Uid)
	}
	return strconv.Itoa(os.Getuid())
}
