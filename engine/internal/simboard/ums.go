package simboard

import (
	"context"
	"fmt"
	"os"
	"syscall"
)

// ums is "ums CONTROLLER TYPE DEVICE": it exposes a medium as a USB disk until Ctrl-C. The station has no USB
// cable to a simulated board: there the disk is the file of the medium.
func ums(u *bootloader, ctx context.Context, args []string) (int, error) {
	if len(args) != 4 {
		return u.usage("ums")
	}
	m := u.named(args[2], args[3])
	if m == nil {
		u.printf("Bad device %s %s\n", args[2], args[3])
		return 1, nil
	}
	u.printf("UMS: LUN 0, dev %s %s, hwpart %d, sector 0x0, count %#x\n", args[2], args[3], m.part, m.size/sector)
	u.b.expose(m.disk)
	defer u.b.expose(nil)
	if err := u.until(ctx, func(ctx context.Context) error {
		<-ctx.Done()
		return context.Cause(ctx)
	}); err != errBreak {
		return 1, err
	}
	u.printf("CTRL+C - Operation aborted\n")
	return 0, nil
}

func (b *Board) expose(m *disk) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.exposed = m
}

// Exposed is the medium that the board exposes over USB.
type Exposed struct {
	File string                   // its path on the station
	Size int64                    // bytes
	Open func() (*os.File, error) // for reading and writing, also while the board has it locked
}

// Exposed returns the medium that the board exposes over USB. It is not ok if there is none.
func (b *Board) Exposed() (e Exposed, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.exposed
	if m == nil {
		return Exposed{}, false
	}
	open := func() (*os.File, error) { // one open file with the board's: it has the board's lock
		fd, err := syscall.Dup(int(m.f.Fd()))
		if err != nil {
			return nil, fmt.Errorf("dup: %w", err)
		}
		syscall.CloseOnExec(fd)
		return os.NewFile(uintptr(fd), m.f.Name()), nil
	}
	return Exposed{File: b.File(m.Name), Size: m.size, Open: open}, true
}
