package simboard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// The texts are those of Debian's U-Boot 2023.01 in QEMU.
const banner = "\r\n\r\nU-Boot 2023.01 (simulated by flashlua)\r\n\r\n" +
	"DRAM:  512 MiB\r\nCore:  47 devices, 13 uclasses, devicetree: board\r\n" +
	"Loading Environment from Flash... %s\r\n" +
	"In:    serial\r\nOut:   serial\r\nErr:   serial\r\nNet:   eth0: ethernet@0\r\n"

const (
	romTime  = 50 * time.Millisecond // from the reset to the banner
	tick     = time.Second           // of the countdown
	maxInput = 511                   // CBSIZE is 512
	maxDepth = 20                    // of run inside of run
	envSize  = 262140                // bytes of all variables
)

// defaultEnv is what a board without a saved environment has.
var defaultEnv = map[string]string{
	"arch": "arm", "board": "simulated", "baudrate": "115200", "bootdelay": "2", "stdin": "serial", "stdout": "serial", "stderr": "serial",
	"ethaddr": "52:52:52:52:52:52", "fdtcontroladdr": "5edb6db0", "loadaddr": "0x40200000", "kernel_addr_r": "0x40400000",
	"fdt_addr_r": "0x40000000", "ramdisk_addr_r": "0x44000000",
	"bootpretryperiod": "2000", // ms; short, so that a board does not wait long for a lease
	"bootcmd":          "sf probe; sf read 0x40400000 0x100000 0x10000; booti 0x40400000 - ${fdtcontroladdr}",
}

// bootloader is the bootloader in one life of the board.
type bootloader struct {
	b        *Board
	tty      *tty
	env      map[string]string
	ram      ram
	disks    []*disk
	norFlash *norFlash
	status   int // $?
	depth    int
	current  map[string]int // device by interface
	mmcPart  int            // the current hardware partition
	cards    map[int]bool   // that were used

	cacheBlocks, cacheEntries uint64
	usbStarted                bool

	last     []*pipeline
	lastText string            // the last line, of a shell that is not hush
	once     bool              // a command of the last line must not be repeated
	own      map[string]string // the shell's own variables
	flash    bool              // sf probe was done
	fresh    bool              // autoboot was stopped and nothing was read since
}

func newBootloader(b *Board, line *tty, disks []*disk) *bootloader {
	env := defaultEnv
	if b.saved != nil {
		env = b.saved
	}
	return &bootloader{
		b: b, tty: line, ram: ram{size: uint64(b.cfg.RAM)}, env: maps.Clone(env), own: map[string]string{}, current: map[string]int{}, cards: map[int]bool{},
		disks: disks, norFlash: &norFlash{chip: b.nor, base: b.cfg.NOR, locked: map[int64]bool{}}, cacheBlocks: 8, cacheEntries: 32,
	}
}

var (
	errBreak = errors.New("interrupted") // Ctrl-C
	errDeep  = errors.New("too deep")    // of run inside of run
)

// errBootLinux is what a boot command ends with: a kernel takes over.
type errBootLinux struct{ args string }

func (errBootLinux) Error() string { return "a kernel takes over" }

func (u *bootloader) printf(format string, args ...any) {
	fmt.Fprintf(u.tty, "%s", strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\r\n"))
}

// run is U-Boot from the reset until it starts a kernel. It returns the kernel's command line.
func (u *bootloader) run(ctx context.Context) (args string, err error) {
	if err := u.b.cfg.Clock.Sleep(ctx, romTime); err != nil {
		return "", err
	}
	if err := u.b.reach(StageUBoot); err != nil {
		return "", err
	}
	from := "*** Warning - bad CRC, using default environment\r\n"
	if u.b.saved != nil {
		from = "OK"
	}
	u.tty.mute = u.b.cfg.Quiet
	defer func() { u.tty.mute = false }()
	fmt.Fprintf(u.tty, banner, from)
	if u.b.restarts < u.b.cfg.Restarts {
		u.b.restarts++
		u.printf("PMIC: settings stored, resetting ...\n")
		return "", errReset
	}
	stopped, err := u.countdown(ctx)
	if err == nil {
		err = u.b.reach(StageAutoboot)
	}
	if err != nil {
		return "", err
	}
	if !stopped {
		err = u.line(ctx, "run bootcmd")
	}
	if err == nil || errors.Is(err, errBreak) {
		u.tty.mute = false
	}
	for err == nil || errors.Is(err, errBreak) {
		if errors.Is(err, errBreak) {
			u.printf("<INTERRUPT>\n")
		}
		fmt.Fprint(u.tty, u.b.cfg.Prompt)
		var text string
		if text, err = u.edit(ctx); err != nil {
			continue
		}
		err = u.line(ctx, text)
	}
	var kernel errBootLinux
	if errors.As(err, &kernel) {
		return kernel.args, nil
	}
	return "", err
}

// countdown is autoboot. It reports whether a key or the word that must be typed stopped it. A password is asked
// for then, or is that word itself.
func (u *bootloader) countdown(ctx context.Context) (stopped bool, err error) {
	delay := number(u.env["bootdelay"], 10)
	if delay < 0 || u.b.cfg.NoAutoboot { // -1: no autoboot
		return true, nil
	}
	fmt.Fprintf(u.tty, "%s: %2d ", u.b.cfg.Autoboot, delay)
	word := stopWord(u.b.cfg.Keys)
	if u.b.cfg.Keys == "" {
		word = u.b.cfg.BootPassword
	}
	typed := ""
	for ; delay > 0 && !stopped; delay-- {
		if stopped, err = u.stopped(ctx, word, &typed); err != nil {
			return false, err
		}
		u.fresh = stopped
		left := delay - 1
		if stopped {
			left = 0
		}
		fmt.Fprintf(u.tty, "\b\b\b%2d ", left)
	}
	fmt.Fprint(u.tty, "\r\n")
	if stopped && u.b.cfg.Keys != "" && u.b.cfg.BootPassword != "" {
		return u.password(ctx)
	}
	return stopped, nil
}

// stopWord is the part of keys that must be typed: a word without its Enter, or "" for any single key.
func stopWord(keys string) string {
	if keys = strings.TrimRight(keys, "\r\n"); len(keys) > 1 {
		return keys
	}
	return ""
}

// stopped waits for one tick, and reports whether word was typed by then, or any key if word is "".
func (u *bootloader) stopped(ctx context.Context, word string, typed *string) (bool, error) {
	wait, cancel := context.WithCancel(ctx)
	defer cancel()
	defer u.b.cfg.Clock.AfterFunc(tick, cancel)()
	for {
		c, err := u.tty.Key(wait)
		if err != nil {
			return false, ctx.Err()
		}
		if *typed += string(c); strings.HasSuffix(*typed, word) {
			return true, nil
		}
	}
}

// password asks for the password up to three times, and reports whether it was right, which stops autoboot.
func (u *bootloader) password(ctx context.Context) (bool, error) {
	for range 3 {
		fmt.Fprint(u.tty, "Password: ")
		var typed []byte
		for {
			c, err := u.tty.Key(ctx)
			if err != nil {
				return false, err
			}
			if c == '\r' || c == '\n' {
				break
			}
			typed = append(typed, c)
		}
		fmt.Fprint(u.tty, "\r\n")
		if string(typed) == u.b.cfg.BootPassword {
			return true, nil
		}
	}
	return false, nil
}

// edit reads one line. Ctrl-C discards it; a key beyond the end of the buffer is refused with a bell.
func (u *bootloader) edit(ctx context.Context) (string, error) {
	var text []byte
	for {
		c, err := u.tty.Key(ctx)
		if err != nil {
			return "", err
		}
		first := u.fresh
		u.fresh = false
		switch {
		case first && u.b.faults.trigger(FaultFirst):
		case c == '\r' || c == '\n':
			fmt.Fprint(u.tty, "\r\n")
			return string(text), nil
		case c == 0x03:
			fmt.Fprint(u.tty, "\r\n")
			return "", errBreak
		case (c == '\b' || c == 0x7f) && len(text) > 0:
			text = text[:len(text)-1]
			u.echo("\b \b")
		case c < ' ' || c == 0x7f:
		case len(text) == maxInput:
			fmt.Fprint(u.tty, "\a")
		default:
			text = append(text, c)
			u.echo(string(c))
			if u.b.faults.wraps(len(u.b.cfg.Prompt) + len(text)) {
				u.echo("\r\n")
			}
		}
	}
}

// echo prints what was typed.
func (u *bootloader) echo(text string) {
	if u.b.faults.echoes() {
		fmt.Fprint(u.tty, text)
	}
}

// line runs what was typed. An empty one runs the last again, if all its commands may be repeated.
func (u *bootloader) line(ctx context.Context, text string) error {
	if !u.hasHush() {
		if text == "" && !u.once {
			text = u.lastText
		}
		u.lastText, u.once = text, false
		return u.simpleLine(ctx, text)
	}
	list, err := parseHush(text)
	if err != nil {
		return u.refuse(err)
	}
	if text == "" && !u.once {
		list = u.last
	}
	u.last, u.once = list, false
	return u.list(ctx, list)
}

// until runs f, which ends early when Ctrl-C is typed. Other keys are lost, as in a driver that polls for Ctrl-C.
func (u *bootloader) until(ctx context.Context, f func(context.Context) error) error {
	work, cancel := context.WithCancelCause(ctx)
	watched := make(chan error)
	go func() {
		for {
			c, err := u.tty.Key(work)
			if err == nil && c == 0x03 {
				err = errBreak
			}
			if err != nil {
				cancel(err)
				watched <- err
				return
			}
		}
	}()
	err := f(work)
	cancel(nil)
	if found := <-watched; errors.Is(found, errBreak) { // even if f ended first
		err = errBreak
	}
	return err
}
