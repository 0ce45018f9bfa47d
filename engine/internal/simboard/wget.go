package simboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

const (
	httpPort    = 80
	wgetSegment = 1440 // bytes of a file in a packet of the wire
	firstPacket = 1300 // bytes of a file that fit into the packet of the header, in which U-Boot 2025.01 takes no end
)

// wget is the command of a U-Boot without the lwIP stack.
func wget(u *bootloader, ctx context.Context, args []string) (int, error) {
	if len(args) != 3 {
		return u.usage("wget")
	}
	addr, ok := hexAddress(args[1])
	if !ok {
		return u.usage("wget")
	}
	server, path, ok := strings.Cut(args[2], ":")
	if !ok {
		server, path = u.env["serverip"], args[2]
	}
	if u.env["ipaddr"] == "" {
		u.printf("*** ERROR: `ipaddr' not set\n")
		return 1, nil
	}
	n := int64(0)
	err := u.until(ctx, func(ctx context.Context) (err error) {
		n, err = u.get(ctx, net.JoinHostPort(server, strconv.Itoa(u.number("httpdstp", httpPort))), path, addr)
		return err
	})
	switch {
	case errors.Is(err, errTransfer):
		u.printf("\nwget: Transfer Fail, TCP status - 0\n")
		return 1, nil
	case err != nil:
		return 1, err
	}
	u.printf("Packets received %d, Transfer Successful\nBytes transferred = %d (%[2]x hex)\n", n/wgetSegment+4, n)
	u.env["fileaddr"], u.env["filesize"] = fmt.Sprintf("%x", addr), fmt.Sprintf("%x", n)
	return 0, nil
}

// errTransfer is in the error of a download that failed.
var errTransfer = errors.New("transfer failed")

// get loads a file by HTTP into RAM and returns its size.
func (u *bootloader) get(ctx context.Context, server, path string, addr uint64) (int64, error) {
	t := &http.Transport{DialContext: u.b.dial, DisableKeepAlives: true, DisableCompression: true}
	defer t.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+server+path, nil)
	if err != nil {
		return 0, errTransfer
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return 0, failed(ctx)
	}
	defer resp.Body.Close()
	u.printf("HTTP/1.0 %s\n", resp.Status)
	if resp.StatusCode != http.StatusOK {
		return 0, errTransfer
	}
	if resp.ContentLength < firstPacket {
		u.printf("T T T")
		return 0, errTransfer
	}
	buf, total := make([]byte, 64<<10), int64(0)
	damage := u.b.faults.trigger(FaultDamage)
	for {
		n, err := resp.Body.Read(buf)
		if damage && n > 0 {
			buf[u.b.faults.place(FaultDamage, int64(n))] ^= 0x10
			damage = false
		}
		if u.ram.write(addr+uint64(total), buf[:n]) != nil {
			return 0, errTransfer
		}
		total += int64(n)
		switch {
		case err == io.EOF && total == resp.ContentLength:
			return total, nil
		case err != nil:
			return 0, failed(ctx)
		}
	}
}

// failed returns the error of a download that ended: the cause of the end of ctx, or errTransfer.
func failed(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return errTransfer
}
