package simboard

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	usualBaud  = 115200
	baudChange = 50 * time.Millisecond
	keyEscape  = 0x1b
)

// loadSerial is "loady [ADDR [BAUD]]" and "loadx [ADDR [BAUD]]". The simulated line has no baud rate: what is sent
// at the wrong one arrives nevertheless.
func loadSerial(u *bootloader, ctx context.Context, args []string) (int, error) {
	name, _ := findCommand(args[0])
	addr, _ := hexAddress(u.env["loadaddr"])
	now := u.number("baudrate", usualBaud)
	baud := now
	if len(args) > 3 {
		return u.usage(name)
	}
	if len(args) > 1 {
		addr, _ = hexAddress(args[1])
	}
	if len(args) > 2 && number(args[2], 10) != 0 {
		baud = number(args[2], 10)
	}
	if err := u.switchBaud(ctx, now, baud, "ENTER", '\r'); err != nil {
		return 1, err
	}
	m := &modem{u: u, ymodem: name == "loady"}
	protocol := map[bool]string{true: "ymodem", false: "xmodem"}[m.ymodem]
	u.printf("## Ready for binary (%s) download to 0x%08X at %d bps...\n", protocol, addr, baud)
	status, err := u.download(ctx, m, addr, protocol)
	if err != nil {
		return 1, err
	}
	return status, u.switchBaud(ctx, baud, now, "ESC", keyEscape)
}

// switchBaud waits for the key that shows that the station has changed the rate, too.
func (u *bootloader) switchBaud(ctx context.Context, from, to int, key string, code byte) error {
	if from == to {
		return nil
	}
	u.printf("## Switch baudrate to %d bps and press %s ...\n", to, key)
	if err := u.b.cfg.Clock.Sleep(ctx, baudChange); err != nil {
		return context.Cause(ctx)
	}
	for {
		if c, err := u.tty.Key(ctx); err != nil || c == code {
			return err
		}
	}
}

// download receives a file into RAM.
func (u *bootloader) download(ctx context.Context, m *modem, addr uint64, protocol string) (int, error) {
	total := uint64(0)
	failed := m.receive(ctx, func(p []byte) error {
		err := u.ram.write(addr+total, p)
		total += uint64(len(p))
		return err
	})
	if ctx.Err() != nil {
		return 1, context.Cause(ctx)
	}
	if failed != nil && failed != errModemCancel && m.opened {
		fmt.Fprint(u.tty, strings.Repeat(string(rune(ctrlCAN)), 4)+"\b\b\b\b")
		m.drain(ctx)
	} else if m.opened {
		u.b.input.empty()
		if err := u.b.cfg.Clock.Sleep(ctx, pauseAfter); err != nil {
			return 1, context.Cause(ctx)
		}
	}
	if m.opened {
		mode := map[bool]string{true: "Cksum", false: "CRC"}[m.checksum]
		u.printf("xyzModem - %s mode, %d(SOH)/%d(STX)/%d(CAN) packets, %d retries\n", mode, m.soh, m.stx, m.can, m.retries)
	}
	if failed != nil {
		text, _, _ := strings.Cut(failed.Error(), "\n")
		u.printf("\n%s\n## Binary (%s) download aborted\n", text, protocol)
		return 1, nil
	}
	u.printf("## Total Size      = 0x%08x = %d Bytes\n", total, total)
	u.env["filesize"] = fmt.Sprintf("%x", total)
	u.printf("## Start Addr      = 0x%08X\n", addr)
	return 0, nil
}
