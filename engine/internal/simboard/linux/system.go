package linux

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

// The names and versions of the kernel and the tools.
const (
	release   = "6.1.0-flashlua-arm64"
	version   = "#1 SMP PREEMPT flashlua simulated board"
	machine   = "aarch64"
	toolset   = "BusyBox v1.35.0 (flashlua simulated board) multi-call binary."
	memory    = 1024 << 10 // KiB
	bootTime  = 300 * time.Millisecond
	homeDir   = "/root"
	searchDir = "/bin:/sbin:/usr/bin:/usr/sbin"
)

// system is a running Linux.
type system struct {
	cfg   Config
	clock clock.Clock
	halt  func(Halt)
	began time.Time
	term  *terminal
	files *tree
	disks []*disk
	net   network
	log   kernelLog

	mu     sync.Mutex    // guards what follows
	date   time.Duration // the offset of the board's clock
	mounts []mount
	pids   int
	host   string
}

func newSystem(ctx context.Context, cfg Config, tty TTY, halt func(Halt)) *system {
	s := &system{cfg: cfg, clock: cfg.Clock, halt: halt, began: cfg.Clock.Now(), pids: 100, host: cfg.Hostname}
	s.term = newTerminal(ctx, tty, cfg)
	s.log.level, s.log.since, s.log.console, s.log.stays = 7, s.uptime, s.term.kernel, cfg.Loud
	s.files = newTree(s.now)
	s.populate()
	return s
}

// now returns the time of the board's clock.
func (s *system) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock.Now().Add(s.date).UTC()
}

func (s *system) setDate(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.date = t.Sub(s.clock.Now())
}

func (s *system) uptime() time.Duration { return s.clock.Now().Sub(s.began) }

func (s *system) pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pids++
	return s.pids
}

func (s *system) hostname() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.host
}

// run starts the kernel, then offers a login until the board goes down.
func (s *system) run(ctx context.Context) {
	s.boot(ctx)
	for ctx.Err() == nil {
		if s.login(ctx) {
			newSession(s).run(ctx)
		}
	}
}

// boot prints the lines of a booting kernel.
func (s *system) boot(ctx context.Context) {
	for i, line := range s.bootLines() {
		if i == bootHead {
			if s.clock.Sleep(ctx, bootTime) != nil {
				return
			}
		}
		s.log.print(line)
	}
}

// bootHead is how many lines the kernel prints at once; the rest follows after bootTime.
const bootHead = 4

func (s *system) bootLines() []string {
	lines := []string{
		"Booting Linux on physical CPU 0x0000000000 [0x411fd070]",
		"Linux version " + release + " (flashlua@simboard) " + version,
		"Machine model: flashlua simulated board",
		"Kernel command line: " + s.cfg.Cmdline,
		fmt.Sprintf("Memory: %dK/%dK available", memory-21692, memory),
	}
	for _, d := range s.disks {
		lines = append(lines, fmt.Sprintf("blk: [%s] %d %d-byte logical blocks (%.2f MB)", d.Name, d.Size/d.Sector, d.Sector, float64(d.Size)/1e6))
	}
	return append(lines, "Run /init as init process")
}

// kernelLog is the kernel's ring buffer.
type kernelLog struct {
	mu      sync.Mutex // guards level and lines
	level   int        // messages below it reach the console
	lines   []string
	since   func() time.Duration
	console func(line string)
	stays   bool // messages reach the console at every level
}

const (
	logLines = 512
	logEmerg = 0
	logInfo  = 6
)

// print logs a message of the usual level, info.
func (l *kernelLog) print(text string) { l.say(logInfo, text) }

// emerg logs a message that no level keeps off the console.
func (l *kernelLog) emerg(text string) { l.say(logEmerg, text) }

func (l *kernelLog) say(level int, text string) {
	at := l.since()
	line := fmt.Sprintf("[%5d.%06d] %s", at/time.Second, at%time.Second/time.Microsecond, text)
	l.mu.Lock()
	if l.lines = append(l.lines, line); len(l.lines) > logLines {
		l.lines = l.lines[len(l.lines)-logLines:]
	}
	shown := level < l.level
	l.mu.Unlock()
	if shown {
		l.console(line)
	}
}

func (l *kernelLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n") + "\n"
}

func (l *kernelLog) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = nil
}

func (l *kernelLog) setLevel(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stays {
		l.level = n
	}
}

func (l *kernelLog) getLevel() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.level
}
