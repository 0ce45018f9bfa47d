package hold

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/engine/input"
)

// ticket is a place in the queue of a lock: a file with a number, which its owner has locked. A lower number is an
// earlier arrival. The ticket of a process that has ended is not locked, and does not count.
type ticket struct {
	*lockFile
	queue  string // path of the lock
	number int
}

// ticketInfix stands between the path of a lock and the number of a ticket.
const ticketInfix = ".ticket-"

// maxTicket bounds the numbers that count: any user can make a file with a number.
const maxTicket = 1 << 30

// enter takes the next ticket of the queue of a lock. The lock file of the queue keeps two processes from taking the
// same number; it is held for a moment only.
func (a *acquisition) enter(ctx context.Context, name, path string) (*ticket, error) {
	queueLock, err := a.lockQueue(ctx, name, path+".queue")
	if err != nil {
		return nil, err
	}
	defer queueLock.Close()
	number := 0
	for _, n := range ticketNumbers(path) {
		number = max(number, n)
		if p := ticketPath(path, n); !isTicketLive(p) {
			os.Remove(p) // of a process that has ended; that of another user stays
		}
	}
	number++
	p := ticketPath(path, number)
	f, err := input.OpenFile(p, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o666)
	if err != nil {
		return nil, a.fileError(err, p)
	}
	f.Chmod(0o666)
	t := &ticket{&lockFile{f}, path, number}
	for range maxProbes {
		locked, _, err := flock(f)
		if err == nil && locked {
			err = t.write(record{Hold: a.record.Hold})
		}
		if err = a.fileError(err, p); err == nil && !locked {
			err = a.Clock.Sleep(ctx, probeInterval)
		}
		if err != nil {
			t.leave()
			return nil, err
		}
		if locked {
			return t, nil
		}
	}
	t.leave()
	return nil, a.fileError(errors.New("the file of the place in the queue is locked by another process"), p)
}

// lockQueue locks the file of a queue.
func (a *acquisition) lockQueue(ctx context.Context, name, path string) (*lockFile, error) {
	for n := 0; ; n++ {
		f, err := a.tryLock(ctx, path)
		if f != nil || err != nil {
			return f, err
		}
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if n >= maxProbes && !a.Clock.Now().Before(a.until) {
			return nil, errHeld(Queue{Name: "the queue of " + describe(name)}, a.request.Wait)
		}
		if err := a.Clock.Sleep(ctx, probeInterval); err != nil {
			return nil, err
		}
	}
}

// leave ends the wait.
func (t *ticket) leave() {
	os.Remove(t.Name())
	t.Close()
}

// ahead returns how many processes wait that arrived earlier.
func (t *ticket) ahead() (n int) {
	for _, number := range ticketNumbers(t.queue) {
		if number < t.number && isTicketLive(ticketPath(t.queue, number)) {
			n++
		}
	}
	return n
}

func ticketPath(queue string, number int) string {
	return fmt.Sprintf("%s%s%d", queue, ticketInfix, number)
}

// ticketNumbers returns the numbers of the tickets of a queue, in no order.
func ticketNumbers(queue string) (all []int) {
	entries, _ := os.ReadDir(filepath.Dir(queue))
	for _, e := range entries {
		if text, ok := strings.CutPrefix(e.Name(), filepath.Base(queue)+ticketInfix); ok {
			if n, err := strconv.Atoi(text); err == nil && n > 0 && n < maxTicket && strconv.Itoa(n) == text {
				all = append(all, n)
			}
		}
	}
	return all
}

// isTicketLive reports whether the process of a ticket still waits.
func isTicketLive(path string) bool {
	f, err := openLockFile(path, false)
	if err != nil {
		return false
	}
	defer f.Close()
	return isLocked(f)
}
