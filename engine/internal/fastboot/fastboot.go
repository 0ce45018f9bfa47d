// Package fastboot writes a board that waits for it in fastboot, over TCP or UDP.
//
// It owns the protocol and the division of an image into downloads. It must not know of receipts: what a device
// says of a write proves nothing. Source: the Android Open Source Project, fastboot/README.md of
// platform/system/core.
package fastboot

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// link carries messages to a device and back.
type link interface {
	send(ctx context.Context, p []byte) error
	receive(ctx context.Context) ([]byte, error)
	close() error
}

// Device is a device in fastboot. It is not safe for concurrent use.
type Device struct {
	link    link
	address string // for messages
	clock   clock.Clock
	timeout time.Duration // of each answer
	note    func(string)  // gets what the device says of its progress
}

// Config says how to reach a device.
type Config struct {
	Address string // "tcp:HOST[:PORT]" or "udp:HOST[:PORT]"
	Clock   clock.Clock
	Timeout time.Duration // of the connection and of each answer
	Note    func(string)
}

// defaultPort is that of fastboot.
const defaultPort = "5554"

// Open connects to a device.
func Open(ctx context.Context, cfg Config) (*Device, error) {
	scheme, address, _ := strings.Cut(cfg.Address, ":")
	dial := map[string]func(context.Context, string, clock.Clock) (link, error){"tcp": dialTCP, "udp": dialUDP}[scheme]
	if dial == nil || address == "" {
		return nil, classify.New(classify.ScriptArgument, "a device in fastboot has an address such as \"tcp:192.168.1.5\" or \"udp:192.168.1.5:5554\", not %q", cfg.Address)
	}
	ctx, cancel := clock.WithTimeout(ctx, cfg.Clock, cfg.Timeout, classify.New(classify.HostDevice, "no answer within %s", cfg.Timeout))
	defer cancel()
	l, err := dial(ctx, withPort(address), cfg.Clock)
	if err != nil {
		return nil, classify.WithHint(classify.MarkRetry(classify.Wrap(err, classify.HostDevice, "no device in fastboot answers at %s", cfg.Address)),
			"does the board wait there: `fastboot %s` at U-Boot's prompt prints its address", scheme)
	}
	return &Device{link: l, address: cfg.Address, clock: cfg.Clock, timeout: cfg.Timeout, note: cfg.Note}, nil
}

// withPort adds the usual port to an address without one.
func withPort(address string) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(strings.Trim(address, "[]"), defaultPort)
}

// Close ends the connection. The device stays in fastboot.
func (d *Device) Close() error { return d.link.close() }

// maxCommand is the longest command, in bytes.
const maxCommand = 64

// Command has the device run a command, and returns what it answers: getvar:version, erase:userdata, oem format.
func (d *Device) Command(ctx context.Context, cmd string) (string, error) {
	kind, text, err := d.exchange(ctx, cmd)
	if err == nil && kind == "DATA" {
		err = d.fail(cmd, "it asks for data, which is sent by flash only")
	}
	return text, err
}

// exchange sends a command and returns the kind of the last answer, OKAY or DATA, and its text.
func (d *Device) exchange(ctx context.Context, cmd string) (kind, text string, err error) {
	if len(cmd) > maxCommand || strings.ContainsFunc(cmd, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", "", classify.New(classify.ScriptArgument, "a command of fastboot has at most %d printable characters, not %q", maxCommand, cmd)
	}
	if err := d.send(ctx, []byte(cmd)); err != nil {
		return "", "", classify.Wrap(err, classify.HostDevice, "fastboot %s to %s", cmd, d.address)
	}
	return d.answer(ctx, cmd)
}

// answer waits for the end of a command. The device says what it does meanwhile.
func (d *Device) answer(ctx context.Context, cmd string) (kind, text string, err error) {
	for {
		p, err := d.receive(ctx)
		if err != nil {
			return "", "", classify.MarkRetry(classify.Wrap(err, classify.HostDevice, "the answer of %s to %s", d.address, cmd))
		}
		kind, text := string(p[:min(4, len(p))]), string(p[min(4, len(p)):])
		switch kind {
		case "OKAY", "DATA":
			return kind, text, nil
		case "INFO", "TEXT":
			d.note("fastboot: " + strings.TrimRight(text, "\n"))
		case "FAIL":
			return "", "", d.fail(cmd, text)
		default:
			return "", "", d.fail(cmd, fmt.Sprintf("the answer is %q", p[:min(maxCommand, len(p))]))
		}
	}
}

func (d *Device) fail(cmd, text string) error {
	return classify.MarkRetry(classify.New(classify.HostRefused, "the device at %s refuses %s: %s", d.address, cmd, text))
}

func (d *Device) send(ctx context.Context, p []byte) error {
	ctx, cancel := d.limited(ctx)
	defer cancel()
	return d.link.send(ctx, p)
}

func (d *Device) receive(ctx context.Context) ([]byte, error) {
	ctx, cancel := d.limited(ctx)
	defer cancel()
	return d.link.receive(ctx)
}

func (d *Device) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return clock.WithTimeout(ctx, d.clock, d.timeout, classify.New(classify.HostDevice, "no answer within %s", d.timeout))
}

// usualDownload is the size of the largest download if the device does not say it, in bytes. Source: U-Boot,
// CONFIG_FASTBOOT_BUF_SIZE of the smallest boards.
const usualDownload = 16 << 20

// MaxDownload returns the size of the largest download, in bytes.
func (d *Device) MaxDownload(ctx context.Context) (int64, error) {
	text, err := d.Command(ctx, "getvar:max-download-size")
	if classify.Find(err, classify.HostRefused) != nil || err == nil && text == "" {
		return usualDownload, nil
	}
	if err != nil {
		return 0, err
	}
	n, perr := strconv.ParseInt(text, 0, 64)
	if perr != nil || n < minDownload {
		return 0, d.fail("getvar:max-download-size", fmt.Sprintf("it is %q", text))
	}
	return n, nil
}

// Flash writes an image to a partition, in as many downloads as needed. progress is called with the bytes that the
// device has.
func (d *Device) Flash(ctx context.Context, partition string, im Image, progress func(done, total int64)) error {
	limit, err := d.MaxDownload(ctx)
	if err != nil {
		return err
	}
	downloads := divide(im, limit)
	var total, done int64
	for _, x := range downloads {
		total += x.size()
	}
	for _, x := range downloads {
		if err := d.download(ctx, x, func(n int64) { progress(done+n, total) }); err != nil {
			return err
		}
		done += x.size()
		if _, err := d.Command(ctx, "flash:"+partition); err != nil {
			return err
		}
	}
	return nil
}

// piece is the size of the messages of a download, in bytes.
const piece = 1 << 20

// download sends data into the device's RAM.
func (d *Device) download(ctx context.Context, x download, progress func(done int64)) error {
	size := x.size()
	cmd := fmt.Sprintf("download:%08x", size)
	kind, text, err := d.exchange(ctx, cmd)
	if err != nil {
		return err
	}
	if n, err := strconv.ParseInt(text, 16, 64); kind != "DATA" || err != nil || n != size {
		return d.fail(cmd, fmt.Sprintf("it answers %s%s", kind, text))
	}
	data := x.open()
	buf := make([]byte, piece)
	for sent := int64(0); sent < size; {
		n, err := io.ReadFull(data, buf[:min(piece, size-sent)])
		if err != nil {
			return classify.Wrap(err, classify.ImageRead, "cannot read the image")
		}
		if err := d.send(ctx, buf[:n]); err != nil {
			return classify.MarkRetry(classify.Wrap(err, classify.HostDevice, "the download to %s was cut at byte %d of %d", d.address, sent, size))
		}
		sent += int64(n)
		progress(sent)
	}
	_, _, err = d.answer(ctx, cmd)
	return err
}
