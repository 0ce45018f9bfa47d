package uboot

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// initNetwork runs the command that finds the network card, if the board needs one.
func (u *UBoot) initNetwork(ctx context.Context) error {
	if u.network == "" {
		return nil
	}
	_, err := u.Run(ctx, console.Command{Text: u.network})
	return classify.WithHint(err, "check uboot.network in the policy")
}

// DHCP gets a lease and returns the board's address. It loads no file: autoload is off.
func (u *UBoot) DHCP(ctx context.Context) (string, error) {
	if err := u.initNetwork(ctx); err != nil {
		return "", err
	}
	if _, err := u.Run(ctx, console.Command{Text: "setenv autoload no; setenv netretry no"}); err != nil {
		return "", err
	}
	if err := u.clear(ctx, "ipaddr"); err != nil {
		return "", err
	}
	res, err := u.Exec(ctx, console.Command{Text: "dhcp", Timeout: dhcpTimeout, Kind: classify.NetDHCPTimeout})
	switch {
	case err != nil:
		return "", err
	case res.Code != 0 && strings.Contains(res.Output, "Retry time exceeded"):
		return "", classify.WithHint(u.Fail(classify.New(classify.NetDHCPTimeout, "no DHCP server answered U-Boot")), "check the cable, and that a DHCP server serves the board's network")
	case res.Code != 0 && strings.Contains(res.Output, "No ethernet found"):
		return "", classify.WithHint(u.Failed(classify.NetDHCP, "dhcp", res),
			"if U-Boot needs a command to find its network card, set uboot.network to it: `usb start`, `virtio scan`")
	case res.Code != 0:
		return "", u.Failed(classify.NetDHCP, "dhcp", res)
	}
	address, err := u.Env(ctx, "ipaddr")
	if err == nil && address == "" {
		err = u.Fail(classify.New(classify.NetDHCP, "dhcp succeeded, but ipaddr is not set"))
	}
	return address, err
}

// SetAddress sets the board's address without DHCP. An invalid gateway means none.
func (u *UBoot) SetAddress(ctx context.Context, address netip.Prefix, gateway netip.Addr) error {
	if err := u.initNetwork(ctx); err != nil {
		return err
	}
	router := ""
	if gateway.IsValid() {
		router = gateway.String()
	}
	for _, v := range [][2]string{
		{"ipaddr", address.Addr().String()}, {"netmask", net.IP(net.CIDRMask(address.Bits(), 32)).String()}, {"gatewayip", router},
	} {
		if err := u.SetEnv(ctx, v[0], v[1]); err != nil {
			return err
		}
	}
	return nil
}

// transferred matches U-Boot's report of a load. The number is what arrived, whatever the exit code says.
var transferred = regexp.MustCompile(`Bytes transferred = (\d+)`)

// unanswered matches what U-Boot prints when a TFTP server did not answer ten times in a row, or when U-Boot stops
// the load, after which it may start again. Without it U-Boot stops after a number of lost answers in the whole
// load, however well the load proceeds.
var unanswered = console.Abort{
	Pattern: console.Regexp(`(?:T ){10}|Retry count exceeded`),
	Kind:    classify.NetTFTPTimeout,
	Message: "the TFTP server does not answer",
	Hint:    "check net.tftp in the policy and that UDP port 69 of the station is reachable from the board",
}

// notFound matches the server's error with the code for a missing file; the text is the server's own. Source: RFC
// 1350.
var notFound = regexp.MustCompile(`TFTP error: '.*' \(1\)`)

// The TFTP window is the number of blocks that a server may send before an answer, if U-Boot supports windows. Few
// network cards of boards buffer less than FirstWindow; more than MaxWindow has been seen to hang one.
const (
	FirstWindow = 4
	MaxWindow   = 16
	BlockSize   = 1468 // bytes of a block in an Ethernet frame
)

// Load loads a file of size bytes by TFTP from server to an address in RAM, with a window of that many blocks. It
// fails about 10 s after the server has stopped to answer.
func (u *UBoot) Load(ctx context.Context, server, name string, address uint64, size int64, window int) error {
	// tftptimeout is in milliseconds, tftptimeoutcountmax counts the timeouts of a load. The environment is not
	// saved.
	const retries = "setenv netretry no; setenv tftptimeout 1000; setenv tftptimeoutcountmax 1000; "
	tune := console.Command{Text: fmt.Sprintf("%ssetenv tftpblocksize %d; setenv tftpwindowsize %d", retries, BlockSize, window)}
	if err := u.SetEnv(ctx, "serverip", server); err != nil {
		return err
	}
	if _, err := u.Exec(ctx, tune); err != nil && !console.Optional(ctx, err) { // a U-Boot that refuses a variable loads with its defaults
		return err
	}
	quoted, err := u.quoteFile(name)
	if err == nil {
		err = u.clear(ctx, "filesize")
	}
	if err != nil {
		return err
	}
	cmd := fmt.Sprintf("tftpboot %#x %s", address, quoted)
	res, err := u.Exec(ctx, console.Command{Text: cmd, Stall: loadStall, Abort: []console.Abort{unanswered}})
	switch {
	case err != nil:
		return classify.Wrap(err, classify.NetTFTP, "cannot load %s from %s", name, server)
	case notFound.MatchString(res.Output) && strings.Contains(res.Output, "Filename '"+name+"'."): // otherwise U-Boot asked for another name
		return u.Failed(classify.NetTFTPMissing, cmd, res)
	case strings.Contains(res.Output, "Retry count exceeded"):
		err := u.Fail(&classify.Error{Kind: unanswered.Kind, Msg: unanswered.Message, Hint: unanswered.Hint})
		return classify.Wrap(err, "", "cannot load %s from %s", name, server)
	case res.Code != 0:
		return u.Failed(classify.NetTFTP, cmd, res)
	}
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
	return u.Fail(classify.New(classify.NetTFTP, "%s has %d bytes, U-Boot did not report that many", name, size))
}
