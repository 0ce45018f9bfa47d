package uboot

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// initNetwork runs the commands that find the network card, if the board needs any. Each must succeed.
func (u *UBoot) initNetwork(ctx context.Context) error {
	for _, cmd := range splitChain(u.network) {
		if _, err := u.Run(ctx, console.Command{Text: cmd}); err != nil {
			return classify.WithHint(err, "check uboot.network in the policy: each of its commands must succeed, a `|| true` after one lets it fail")
		}
	}
	return nil
}

// DHCP gets a lease and returns the board's address. It loads no file: autoload is off.
func (u *UBoot) DHCP(ctx context.Context) (string, error) {
	if err := u.initNetwork(ctx); err != nil {
		return "", err
	}
	if err := u.clear(ctx, "ipaddr"); err != nil {
		return "", err
	}
	u.noRetry = true
	res, err := u.Exec(ctx, console.Command{Text: noRetry + "setenv autoload n;dhcp", What: "`dhcp`", Timeout: dhcpTimeout, Kind: classify.NetDHCPTimeout})
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
	if m := bound.FindStringSubmatch(res.Output); m != nil {
		return m[1], nil
	}
	address, err := u.Env(ctx, "ipaddr") // the output may be garbled
	if err == nil && address == "" {
		err = u.Fail(classify.New(classify.NetDHCP, "dhcp succeeded, but ipaddr is not set"))
	}
	return address, err
}

// bound matches U-Boot's report of a lease.
var bound = regexp.MustCompile(`bound to address (\d+\.\d+\.\d+\.\d+)\b`)

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

// stopped matches the same of a U-Boot that returns to its prompt then. All but the first are of U-Boot's lwIP stack.
var stopped = regexp.MustCompile(`Retry count exceeded|(?m:Timeout!\s*$)|TFTP error: -1 \(`)

// notFound matches the server's error with the code for a missing file; the text is the server's own. U-Boot's lwIP
// stack prints the code first, in the byte order of the network. Source: RFC 1350.
var notFound = regexp.MustCompile(`TFTP error: (?:'.*' \(1\)|(?:1|256) \()`)

// The TFTP window is the number of blocks that a server may send before an answer, if U-Boot supports windows. Few
// network cards of boards buffer less than FirstWindow. A card with a smaller ring than a window loses blocks, and the
// window falls; a virtio card with a full ring receives nothing more until the board is reset. Two copies of
// GoodWindow, of which one is sent again, fit into its ring of 32. More than MaxWindow has been seen to fill it alone.
const (
	FirstWindow = 4
	GoodWindow  = 12
	MaxWindow   = 16
	BlockSize   = 1468 // bytes of a block in an Ethernet frame
)

// Load loads a file of size bytes by TFTP from server, an IPv4 address, to an address in RAM, with a window of that
// many blocks. It fails about 10 s after the server has stopped to answer. The name must not contain a colon.
func (u *UBoot) Load(ctx context.Context, server, name string, address uint64, size int64, window int) error {
	// With the server's address in the name, no variable selects another server. U-Boot's lwIP stack has one more of
	// them than serverip: tftpserverip.
	file, err := u.quoteFile(server + ":" + name)
	if err == nil {
		err = u.clear(ctx, "filesize")
	}
	if err != nil {
		return err
	}
	cmd := fmt.Sprintf("tftpboot %#x %s", address, file)
	tune := u.tuneTFTP(window)
	if tune != "" && len(u.Frame(tune+cmd)) > u.Line {
		// A U-Boot that refuses a variable loads with its defaults.
		if _, err := u.Exec(ctx, console.Command{Text: strings.TrimSuffix(tune, ";")}); err != nil && !console.Optional(ctx, err) {
			return err
		}
		tune = ""
	}
	load := console.Command{Text: tune + cmd, Stall: loadStall, Abort: []console.Abort{unanswered}}
	res, err := u.Exec(ctx, load)
	if err == nil && strings.Contains(res.Output, "`serverip' not set") { // before 2018, U-Boot wanted it nevertheless
		load.Text = "setenv serverip " + server + ";" + cmd
		res, err = u.Exec(ctx, load)
	}
	switch {
	case err != nil:
		return classify.Wrap(err, classify.NetTFTP, "cannot load %s from %s", name, server)
	case notFound.MatchString(res.Output) && strings.Contains(res.Output, "Filename '"+name+"'."): // otherwise U-Boot asked for another name
		return u.Failed(classify.NetTFTPMissing, cmd, res)
	case res.Code != 0 && stopped.MatchString(res.Output):
		err := u.Fail(&classify.Error{Kind: unanswered.Kind, Msg: unanswered.Message, Hint: unanswered.Hint})
		return classify.Wrap(err, "", "cannot load %s from %s", name, server)
	case res.Code != 0:
		return u.Failed(classify.NetTFTP, cmd, res)
	}
	return u.checkSize(ctx, res, name, size, classify.NetTFTP)
}

// tuneTFTP returns the commands before a load that set the variables of TFTP which differ from those of the last
// load, "" if there are none. A U-Boot that refuses a variable loads with its defaults. The environment is not saved.
//
// tftptimeout is in milliseconds, tftptimeoutcountmax counts the timeouts of a load. A saved tftpdstp or tftpsrcp
// would select other ports. A saved tftpblocksize stays, which its owner has set for a reason; U-Boot's default fills
// an Ethernet frame.
func (u *UBoot) tuneTFTP(window int) string {
	cmd := ""
	if !u.noRetry {
		cmd, u.noRetry = noRetry, true
	}
	if u.window == 0 {
		cmd += "setenv tftpdstp;setenv tftpsrcp;setenv tftptimeout 1000;setenv tftptimeoutcountmax 999;"
	}
	if u.window != window {
		cmd += fmt.Sprintf("setenv tftpwindowsize %d;", window)
	}
	u.window = window
	return cmd
}

// noRetry lets a failed DHCP or load return to the prompt.
const noRetry = "setenv netretry no;"
