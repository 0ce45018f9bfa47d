// Package linux is the Linux of a simulated board: a login on a serial line and a POSIX shell whose commands are
// written in Go.
//
// It owns the board's file tree, its clock, its network settings and what runs on it. It knows nothing of the host
// it runs on: it opens no file and runs no program of the host, and reaches the network by Config.Dial alone. It
// does not know the boot loader that started it, nor what commands are typed for.
package linux

import (
	"context"
	"io"
	"net"
	"net/netip"

	"github.com/flashlua/flashlua/engine/clock"
)

// TTY is the serial line as the board sees it.
type TTY interface {
	io.Writer                              // to the station
	Key(ctx context.Context) (byte, error) // from the station; returns an error when ctx ends
}

// Disk is a block device.
type Disk struct {
	Name    string // "vda", "mmcblk0": it is /dev/NAME and /sys/class/block/NAME
	Bus     string // its address on the bus as it stands in the sysfs path, "4f80000.mmc"; "" for a plain one
	Size    int64  // bytes
	Sector  int64  // logical, bytes; 0 is 512
	Storage Storage
}

// Storage holds a disk's bytes.
type Storage interface {
	io.ReaderAt
	io.WriterAt
}

// Config is the configuration of a board's Linux.
type Config struct {
	Clock clock.Clock
	// Dial opens every connection of the board.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Lease returns an address with its mask, and the router. An error means that no server answers.
	Lease func(ctx context.Context) (netip.Prefix, netip.Addr, error)
	Disks []Disk

	Hostname string
	Login    string // what the login prompt ends with, "login:"
	User     string
	Password string // "" for none
	Prompt   string // what the shell's prompt ends with, "# "
	Cmdline  string // the kernel's

	Echo    func() bool        // reports for every key whether it is echoed; nil is yes
	Reached func(stage string) // called with AtLogin and AtShell, before anything is printed there; it may end the context
	Loud    bool               // the kernel cannot be kept off the console
	Columns int                // of the terminal, where the shell's editor goes to the next line; 0 is 80
}

// The stages that Config.Reached is called with.
const (
	AtLogin = "login" // a login is offered
	AtShell = "shell" // a line was typed
)

// PowerDown is the kernel's last line before the power is off.
const PowerDown = "reboot: Power down"

// Halt is how a system went down.
type Halt int

const (
	PowerOff Halt = iota + 1
	Reboot
)

// Boot prints the kernel's lines, offers a login and runs a shell until the system goes down or ctx ends, in which
// case it returns context.Cause(ctx). Nothing of the board runs any more when it returns.
func Boot(ctx context.Context, tty TTY, cfg Config) (Halt, error) {
	ctx, down := context.WithCancelCause(ctx)
	s := newSystem(ctx, cfg, tty, func(h Halt) { down(errHalt(h)) })
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		s.term.listen(ctx)
	}()
	s.run(ctx)
	down(context.Canceled)
	<-listening
	if h, ok := context.Cause(ctx).(errHalt); ok {
		return Halt(h), nil
	}
	return 0, context.Cause(ctx)
}

// errHalt ends a system that shuts down.
type errHalt Halt

func (w errHalt) Error() string {
	if Halt(w) == Reboot {
		return "the board reboots"
	}
	return "the board is powered off"
}
