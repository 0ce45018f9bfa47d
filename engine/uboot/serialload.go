package uboot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/ymodem"
)

// SerialOptions says how LoadSerial loads. Every field is optional.
type SerialOptions struct {
	Name string            // of the file, as U-Boot gets it and as errors have it
	Baud int               // speed of the load; 0: that of the console
	Note func(text string) // gets texts for people
}

// The limits of a load over the serial console, besides those of package ymodem.
const (
	readyTimeout  = 10 * time.Second       // from the command to the text that U-Boot is ready
	switchTimeout = 500 * time.Millisecond // for the answer at the other speed; U-Boot needs 100 ms to switch
	switchTries   = 4
	endTimeout    = 15 * time.Second // from the last block to the prompt
	cancelTimeout = 3 * time.Second  // for the answer to ymodem.Cancel; U-Boot may wait 2 s for the rest of a block first
	cancelTries   = 4
	undoTimeout   = 20 * time.Second // of all that follows a load that failed
)

// The texts of a load. Source: U-Boot, do_load_serial_bin in cmd/load.c.
var (
	switchUp   = console.Regexp(`## Switch baudrate to \d+ bps and press ENTER \.\.\.`)
	switchDown = console.Regexp(`## Switch baudrate to \d+ bps and press ESC \.\.\.`)
	ready      = console.Regexp(`## Ready for binary \(ymodem\) download.* bps`)
	totalSize  = regexp.MustCompile(`## Total Size\s*=\s*0x[0-9a-f]+ = (\d+) Bytes`)
)

// ErrSpeed is in the error of a board that does not answer at the speed of a load over the console, and needs a reset.
var ErrSpeed = errors.New("the board does not answer at that speed")

// LoadSerial loads size bytes of content to an address in RAM over the console, by YMODEM, and compares the CRC-32 of
// the RAM with the content's. progress gets the number of bytes that U-Boot has acknowledged; it may be nil. It is
// called by the goroutine of the load.
//
// The port's speed is changed for the load if opt.Baud differs from it. A port that cannot change its speed loads at
// the speed that it has, and so does a board that does not answer at the other speed; opt.Note says so. After a load
// that failed or was cancelled U-Boot is at its prompt again, at the speed of before.
func (u *UBoot) LoadSerial(ctx context.Context, content io.ReaderAt, size int64, address uint64, opt SerialOptions, progress func(sent int64)) error {
	l := &serialLoad{UBoot: u, file: ymodem.File{Name: opt.Name, Size: size, ReaderAt: content}, address: address, progress: progress}
	if l.file.Name == "" {
		l.file.Name = "file"
	}
	if l.progress == nil {
		l.progress = func(int64) {}
	}
	if opt.Note == nil {
		opt.Note = func(string) {}
	}
	l.before = u.Speed()
	switch {
	case opt.Baud == 0 || opt.Baud == l.before:
	case l.before == 0:
		opt.Note("the console port cannot change its speed: " + l.what() + " runs at the present one; a serial: or rfc2217: port could run it at " + strconv.Itoa(opt.Baud) + " baud")
	case u.badBaud == opt.Baud:
	default:
		l.baud = opt.Baud
	}
	err := l.load(ctx)
	if errors.Is(err, ErrSpeed) && l.atPrompt {
		opt.Note(fmt.Sprintf("the board does not answer at %d baud: %s runs at %d baud", l.baud, l.what(), l.before))
		u.badBaud, l.baud = l.baud, 0
		err = l.load(ctx)
	}
	if err != nil {
		return err
	}
	return u.CheckRAM(ctx, content, size, address, l.what(), classify.LoadSerial)
}

// serialLoad is one load over the console.
type serialLoad struct {
	*UBoot
	file     ymodem.File
	address  uint64
	progress func(int64)

	before   int  // speed of the port, 0 if it cannot change
	baud     int  // speed of the load; 0: no change
	atPrompt bool // undo brought U-Boot back to its prompt
}

// what names the load for people.
func (l *serialLoad) what() string { return "the load of " + l.file.Name }

// load runs loady.
func (l *serialLoad) load(ctx context.Context) error {
	cmd := fmt.Sprintf("loady %#x", l.address)
	if l.baud != 0 {
		cmd += " " + strconv.Itoa(l.baud)
	}
	var output string
	err := l.Dialogue(ctx, cmd, func(returned console.Pattern) (err error) {
		if output, err = l.dialogue(ctx, returned); err != nil && classify.Find(err, "board") == nil {
			l.atPrompt = l.undo(ctx, returned)
		}
		l.restoreSpeed(ctx)
		return err
	})
	if err != nil {
		return classify.Wrap(err, classify.LoadSerial, "%s over the console failed", l.what())
	}
	if m := totalSize.FindStringSubmatch(output); m != nil && m[1] != strconv.FormatInt(l.file.Size, 10) {
		return l.Fail(classify.New(classify.LoadSerial, "%s: U-Boot received %s bytes of %d", l.what(), m[1], l.file.Size))
	}
	return nil
}

// dialogue answers loady until it has ended, and returns what it printed after the transfer.
func (l *serialLoad) dialogue(ctx context.Context, returned console.Pattern) (string, error) {
	m, err := l.Expect(ctx, console.Wait{What: "U-Boot to be ready for " + l.what(), For: []console.Pattern{ready, switchUp, returned}, Abort: aborts, Timeout: readyTimeout, Before: true})
	if err == nil && m.Index == 1 {
		err = l.switchTo(ctx, l.baud, "\r", ready)
	}
	switch {
	case err != nil:
		return "", err
	case m.Index == 2:
		return "", l.refused(m.Before)
	}
	err = l.Transfer(ctx, l.what(), aborts, func(link *console.Link) error {
		return ymodem.Send(ctx, line{link}, l.file, l.progress)
	})
	if err != nil {
		return "", err
	}
	end := console.Wait{What: "the end of " + l.what(), For: []console.Pattern{returned, switchDown}, Abort: aborts, Timeout: endTimeout, Before: true}
	m, err = l.Expect(ctx, end)
	if err == nil && m.Index == 1 {
		return m.Before, l.switchTo(ctx, l.before, "\x1b", returned)
	}
	return m.Before, err
}

// refused returns the error of a loady that came back at once.
func (l *serialLoad) refused(output string) error {
	if strings.Contains(output, "Unknown command 'loady'") {
		return classify.WithHint(l.Fail(classify.New(classify.UBootCommand, "this U-Boot has no command loady")), "build a U-Boot with CONFIG_CMD_LOADB, or load the file by TFTP")
	}
	return l.Fail(classify.New(classify.LoadSerial, "loady came back before a byte was sent"))
}

// switchTo changes the port's speed after U-Boot has announced that it changes its own, and sends key until answer
// comes.
func (l *serialLoad) switchTo(ctx context.Context, baud int, key string, answer console.Pattern) error {
	if err := l.SetSpeed(ctx, baud); err != nil {
		return err
	}
	for range switchTries {
		if err := l.Send(ctx, key); err != nil {
			return err
		}
		_, err := l.Expect(ctx, console.Wait{What: fmt.Sprintf("U-Boot at %d baud", baud), For: []console.Pattern{answer}, Abort: aborts, Timeout: switchTimeout})
		if err == nil || classify.Find(err, classify.ConsoleTimeout) == nil {
			return err
		}
	}
	return l.Fail(&classify.Error{
		Kind: classify.LoadSerial, Msg: fmt.Sprintf("U-Boot switched to %d baud, and nothing that can be read came after it", baud), Cause: ErrSpeed,
		Hint: "load at a lower baud rate, or leave baud out: the board, the adapter or the cable does not take this one",
	})
}

// undo cancels loady after an error, also if ctx has ended, and reports whether U-Boot is back at its prompt. If not,
// the next command synchronises with the prompt, or fails. It works also if what comes at the speed of the load cannot
// be read.
func (l *serialLoad) undo(ctx context.Context, returned console.Pattern) bool {
	ctx, cancel := l.Afterwards(ctx, undoTimeout)
	defer cancel()
	for range cancelTries {
		// U-Boot may wait for Enter at the new speed, for a block, or for the rest of one.
		if l.baud != 0 && l.SetSpeed(ctx, l.baud) != nil || l.Send(ctx, "\r"+ymodem.Cancel) != nil {
			return false
		}
		m, err := l.Expect(ctx, console.Wait{What: "U-Boot to cancel " + l.what(), For: []console.Pattern{returned, switchDown}, Timeout: cancelTimeout})
		if err == nil && m.Index == 0 {
			return true
		}
		if err != nil && classify.Find(err, classify.ConsoleTimeout) == nil {
			return false
		}
		if l.baud != 0 && l.switchTo(ctx, l.before, "\x1b", returned) == nil {
			return true
		}
	}
	return false
}

// restoreSpeed sets the port's speed of before, also if ctx has ended.
func (l *serialLoad) restoreSpeed(ctx context.Context) {
	if l.before != 0 && l.Speed() != l.before {
		ctx, cancel := l.Afterwards(ctx, undoTimeout)
		defer cancel()
		_ = l.SetSpeed(ctx, l.before)
	}
}

// line is a console's link as a line of package ymodem.
type line struct{ *console.Link }

// Receive implements ymodem.Line.
func (l line) Receive(ctx context.Context, limit time.Duration) (byte, error) {
	b, err := l.Link.Receive(ctx, limit)
	if errors.Is(err, console.ErrNoByte) {
		err = ymodem.ErrTimeout
	}
	return b, err
}
