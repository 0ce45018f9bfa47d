// Package simboard is a simulated board: a U-Boot and a Linux on a serial line, power, media that are files, and
// faults at random places that a seed repeats.
//
// It owns everything on the board's side of the serial line, the network cable and the power switch. It reaches
// the station's servers only through its Network, opens no file but its media, and runs no program. It knows
// nothing of policies, of the engine, or of what the station does.
package simboard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/internal/simboard/linux"
)

// Network is the board's cable.
type Network interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)        // TCP
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) // UDP
}

// Medium is a block device of the board.
type Medium struct {
	Name string // "vda": it is /dev/vda, and the file vda.img
	Bus  string // its address on the bus as it stands in sysfs, "4f80000.mmc"; "" for none

	Interface string // of U-Boot, "mmc" or "usb"; "" is that of the name, see the documents
	Number    int    // of the device on Interface
}

// Config is what a board is like. The zero value is a board with U-Boot's and busybox's usual prompts and one
// medium.
type Config struct {
	Dir     string      // where the media's files are
	Clock   clock.Clock // nil is the real one
	Network Network     // nil is the station's
	Media   []Medium    // none is one, vda
	Size    int64       // of each medium, bytes; 0 is 8 GiB; only what is written takes room
	Sector  int64       // of each medium, logical, bytes; 0 is 512
	RAM     int64       // bytes from 0x40000000 on; 0 is memory at every address
	NOR     uint64      // address of a parallel NOR flash, 0 for none
	Bad     []int64     // bad blocks of the NAND chip
	Lacks   []string    // commands that its U-Boot does not have
	SD      string      // U-Boot's interface of sda, sdb, …; "" is scsi
	Faults  *Faults     // nil for none

	Protected bool // U-Boot cannot write its media

	Permit func(f *os.File) error // refuses a file in Dir that was just opened, before it is written; nil refuses none

	Prompt, Autoboot                            string   // of U-Boot
	UBootCommands                               []string // that will be typed at U-Boot: the board has what they use
	Keys, BootPassword                          string   // that stop its autoboot: a word of more than one key, a password
	Shell                                       string   // of U-Boot: ShellHush, which is the default, ShellSimple or ShellBare
	Quiet                                       bool     // U-Boot prints nothing before its prompt
	NoAutoboot                                  bool     // U-Boot goes to its prompt
	Restarts                                    int      // how often the board resets itself after power-on, before U-Boot's countdown
	Login, User, Password, ShellPrompt, Command string   // of Linux; Command is the kernel's command line
}

const defaultSize = 8 << 30

// Board is one simulated board. It begins without power. It is a power.Driver.
type Board struct {
	cfg    Config
	faults *Faults
	media  []*medium
	chips  []*chip
	spi    *chip
	nor    *chip
	nand   *chip
	input  *queue // what was typed and not read yet

	used usedCommands

	typed, printed uartDirection

	mu               sync.Mutex // guards what follows, except saved and restarts
	port             *Port
	adapterUnplugged bool                    // the station's adapter
	off              context.CancelFunc      // nil while the power is off
	life             context.Context         // the one under way
	end              context.CancelCauseFunc // ends it
	linux            bool                    // runs now
	booted           time.Time               // when that began
	exposed          *disk                   // over USB; nil: none
	done             chan struct{}           // closed when the power is off and everything stands still
	saved            map[string]string       // U-Boot's environment in flash; of the goroutine that lives
	restarts         int                     // resets of its own since power-on; of the goroutine that lives

	switching sync.Mutex // held by On and Off
}

// New makes a board with its media in cfg.Dir. Media of an earlier board keep their content. A file that has the
// name of a medium and was not made by a board is an error.
func New(cfg Config) (*Board, error) {
	for _, d := range []struct {
		field *string
		value string
	}{
		{&cfg.Prompt, "=> "},
		{&cfg.Autoboot, "Hit any key to stop autoboot"},
		{&cfg.Login, "login:"},
		{&cfg.User, "root"},
		{&cfg.ShellPrompt, "# "},
	} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.Real{}
	}
	if cfg.Network == nil {
		cfg.Network = real{}
	}
	if len(cfg.Media) == 0 {
		cfg.Media = []Medium{{Name: "vda"}}
	}
	if cfg.Size == 0 {
		cfg.Size = defaultSize
	}
	if cfg.Faults == nil {
		cfg.Faults = &Faults{}
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, classify.Wrap(err, classify.Config, "the simulated board's media have no place")
	}
	b := &Board{cfg: cfg, faults: cfg.Faults, input: newQueue(cfg.Clock, input), used: parseUsedCommands(cfg.UBootCommands...)}
	b.typed, b.printed = uartDirection{b: b, direction: ToBoard}, uartDirection{b: b, direction: FromBoard}
	b.addChips()
	for _, m := range withBootPartitions(cfg) {
		f, err := openMedium(cfg.Dir, m.Name+mediumSuffix, cfg.Permit)
		if err == nil {
			m.f = f
			b.media = append(b.media, m)
			err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		}
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errors.New("another simulated board has it")
		}
		if err == nil {
			err = f.Truncate(m.size)
		}
		if err != nil {
			b.Close()
			return nil, classify.Wrap(err, classify.Config, "the medium %s of the simulated board is unavailable", b.File(m.Name))
		}
	}
	return b, nil
}

// Faults returns the faults that have not struck yet, and counts those that did.
func (b *Board) Faults() *Faults { return b.faults }

// File returns the path of a medium's file.
func (b *Board) File(medium string) string { return filepath.Join(b.cfg.Dir, medium+mediumSuffix) }

// Files returns the paths of all media's files.
func (b *Board) Files() []string {
	var all []string
	for _, m := range b.media {
		if !m.hidden {
			all = append(all, b.File(m.Name))
		}
	}
	return all
}

// Close switches the board off and closes its media; their files stay.
func (b *Board) Close() error {
	err := b.Off(context.Background())
	b.mu.Lock()
	port := b.port
	b.mu.Unlock()
	if port != nil {
		port.Close()
	}
	for _, m := range b.media {
		err = errors.Join(err, m.f.Close())
	}
	for _, c := range b.chips {
		err = errors.Join(err, c.close())
	}
	return err
}

func (b *Board) isOn() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.off != nil
}

// inLinux reports whether Linux runs, and how long.
func (b *Board) inLinux() (uptime time.Duration, linux bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cfg.Clock.Now().Sub(b.booted), b.linux
}

// Check reports that the power can be switched.
func (b *Board) Check(context.Context) error { return nil }

// Instant marks a driver whose board needs no time without power: a simulated board has no capacitors.
func (b *Board) Instant() {}

// Off switches the power off. When it returns, nothing of the board runs any more and its memory is lost.
func (b *Board) Off(context.Context) error {
	b.switching.Lock()
	defer b.switching.Unlock()
	b.powerOff()
	return nil
}

func (b *Board) powerOff() {
	b.mu.Lock()
	off, done := b.off, b.done
	b.mu.Unlock()
	if off == nil {
		return
	}
	off()
	<-done
	b.mu.Lock()
	b.off = nil
	if b.port != nil {
		b.port.queue.empty() // what was not read is of the life before
	}
	b.mu.Unlock()
	b.input.empty()
	b.typed.empty()
	b.printed.empty()
}

// On switches the power on, or resets a board that is on.
func (b *Board) On(context.Context) error {
	b.switching.Lock()
	defer b.switching.Unlock()
	b.powerOff()
	ctx, off := context.WithCancel(context.Background())
	b.mu.Lock()
	defer b.mu.Unlock()
	b.off, b.done = off, make(chan struct{})
	go b.live(ctx, b.done)
	return nil
}

// These end a life of the board. One that halted waits for the switch.
var (
	errReset  = errors.New("reset")
	errHalted = errors.New("halted")
)

// live goes from one reset to the next until the power goes.
func (b *Board) live(ctx context.Context, done chan struct{}) {
	defer close(done)
	b.restarts = 0
	for ctx.Err() == nil {
		life, end := context.WithCancelCause(ctx)
		b.mu.Lock()
		b.life, b.end = life, end
		b.mu.Unlock()
		err := b.boot(life)
		if cause := context.Cause(life); cause != nil {
			err = cause
		}
		end(nil)
		b.setLinux(false)
		if errors.Is(err, errHalted) {
			<-ctx.Done()
		}
	}
}

// boot is one life: from the reset vector to the next reset.
func (b *Board) boot(ctx context.Context) error {
	line := &tty{b: b, ctx: ctx}
	b.input.empty() // a receiver that was not set up hears nothing
	disks := b.disks()
	args, err := newBootloader(b, line, disks).run(ctx)
	if err == nil {
		err = b.reach(StageLinux)
	}
	if err != nil {
		return err
	}
	b.setLinux(true)
	halt, err := linux.Boot(ctx, line, b.system(args, disks))
	if err == nil && halt == linux.PowerOff {
		return errHalted
	}
	return err
}

// reach records that a stage was reached, and returns how the life ends there if a fault strikes.
func (b *Board) reach(stage string) error { return b.reached(stage, 1) }

// reached is reach for a stage that is reached n times at once.
func (b *Board) reached(stage string, n int) error {
	if b.faults.at(FaultGone, stage, n) {
		b.unplugAdapter()
	}
	var err error
	switch {
	case b.faults.at(FaultReset, stage, n):
		err = errReset
	case b.faults.at(FaultOff, stage, n):
		b.shutDown()
		err = errHalted
	case b.faults.at(FaultSilent, stage, n):
		err = errHalted
	default:
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end(err)
	return err
}

// shutDown prints the kernel's last line; U-Boot prints nothing.
func (b *Board) shutDown() {
	b.mu.Lock()
	line := tty{b: b, ctx: b.life}
	b.mu.Unlock()
	at, on := b.inLinux()
	if !on {
		return
	}
	line.print(fmt.Appendf(nil, "[%5d.%06d] %s\r\n", at/time.Second, at%time.Second/time.Microsecond, linux.PowerDown))
}

func (b *Board) setLinux(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.linux, b.booted = on, b.cfg.Clock.Now()
}

// system is the Linux of this life.
func (b *Board) system(args string, disks []*disk) linux.Config {
	cfg := linux.Config{
		Clock: b.cfg.Clock, Dial: b.dial, Lease: lease, Hostname: "flashlua", Cmdline: args,
		Login: b.cfg.Login, User: b.cfg.User, Password: b.cfg.Password, Prompt: b.cfg.ShellPrompt,
		Loud: b.faults.loud(), Echo: b.faults.echoes, Columns: b.faults.Wrap, Reached: func(stage string) { b.reach(stage) },
	}
	for _, d := range disks {
		if !d.hidden {
			cfg.Disks = append(cfg.Disks, linux.Disk{Name: d.Name, Bus: d.Bus, Size: d.size, Sector: b.cfg.Sector, Storage: d})
		}
	}
	return cfg
}
