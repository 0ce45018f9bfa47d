package uboot

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/ubootmedia"
)

// takesURL matches the help of the wget of U-Boot's lwIP stack. Without lwIP, wget takes a host and a path, and its
// port from httpdstp, which the wget of lwIP ignores. Source: U-Boot, doc/usage/cmd/wget.rst.
var takesURL = regexp.MustCompile(`\bHTTPS\b|\] url\b`)

// HTTPFile is a file on an HTTP server. Plain data: safe for concurrent use.
type HTTPFile struct {
	What         string // for people
	Server, Port string // an IPv4 address, and its port
	Path         string // with the slash, of characters that need no quotes
	Size         int64  // bytes
}

// FetchHTTP loads a file by HTTP to an address in RAM. The error of a load that failed has the kind net.http.
func (u *UBoot) FetchHTTP(ctx context.Context, f HTTPFile, address uint64) error {
	if u.wget == "" {
		res, err := u.Exec(ctx, console.Command{Text: "help wget"})
		switch {
		case err != nil:
			return err
		case ubootmedia.IsUnknownCommand(res):
			return classify.WithHint(u.Fail(classify.New(classify.UBootCommand, "this U-Boot has no command wget")), "build a U-Boot with CONFIG_CMD_WGET, or load by TFTP")
		case takesURL.MatchString(res.Output):
			u.wget = "wget %#x http://%[2]s:%[3]s%[4]s"
		default:
			u.wget = "setenv httpdstp %[3]s;wget %#[1]x %[2]s:%[4]s"
		}
	}
	if err := u.clear(ctx, "filesize"); err != nil {
		return err
	}
	cmd := fmt.Sprintf(u.wget, address, f.Server, f.Port, f.Path)
	res, err := u.Exec(ctx, console.Command{Text: cmd, Stall: loadStall})
	switch {
	case err != nil:
		return classify.Wrap(err, classify.NetHTTP, "cannot load %s from %s", f.What, f.Server)
	case res.Code != 0:
		return u.Failed(classify.NetHTTP, cmd, res)
	}
	return u.checkSize(ctx, res, f.What, f.Size, classify.NetHTTP)
}

// checkSize returns an error of a kind if U-Boot did not report that so many bytes were transferred.
func (u *UBoot) checkSize(ctx context.Context, res console.Result, name string, size int64, kind classify.Kind) error {
	if m := transferred.FindStringSubmatch(res.Output); m != nil && m[1] == strconv.FormatInt(size, 10) {
		return nil
	}
	got, err := u.Env(ctx, "filesize") // the report may be garbled
	switch {
	case err != nil && classify.Find(err, classify.UBootExit) == nil:
		return err
	case strings.TrimLeft(got, "0") == strconv.FormatInt(size, 16):
		return nil
	}
	return u.Fail(classify.New(kind, "%s has %d bytes, U-Boot did not report that many", name, size))
}
