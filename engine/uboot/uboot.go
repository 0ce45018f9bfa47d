// Package uboot drives U-Boot over a console: stop autoboot, run commands, get a lease, load files, start a kernel.
//
// It owns what U-Boot prints and means by it. It does not know which files a board needs or what comes after the boot.
package uboot

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// Config is how one board's U-Boot behaves.
type Config struct {
	Prompts     []string      // how the prompt ends, in each U-Boot that the board may have
	Autoboot    string        // what it prints when it can be stopped
	Keys        string        // what to type then: a key, or a word; Enter only if it is in it
	KeyInterval time.Duration // how often, until the prompt is there
	Password    string        // typed with Enter when asked for, and at Autoboot if there are no Keys; it appears in no record
	Timeout     time.Duration // from power-on to the prompt
	Line        int           // the longest line that it takes, in bytes
	Network     string        // a command that finds the network card; "" where U-Boot does so by itself
	JustReset   bool          // it was just reset by its power driver: a kernel that starts now was not stopped
}

// Default is U-Boot as it comes.
var Default = Config{
	Prompts: []string{"=> "}, Autoboot: "Hit any key to stop autoboot", Keys: " ", KeyInterval: 200 * time.Millisecond,
	Timeout: time.Minute, Line: 480,
}

const (
	quiet       = 100 * time.Millisecond // silence that ends the drain behind the prompt
	drainLimit  = 2 * time.Second
	syncTries   = 3
	syncWait    = 2 * time.Second
	commandTime = 30 * time.Second // for a command that has no limit of its own
	dhcpTime    = time.Minute
	loadStall   = 30 * time.Second // silence during a load
)

// alarms are what ends every wait for U-Boot.
var alarms = []console.Abort{console.Reset, console.Crash}

// UBoot is a prompt that answers.
type UBoot struct {
	console.Interpreter
	network string
}

// Interrupt waits for U-Boot, stops its autoboot and makes sure that the prompt answers. A board that is at its prompt
// already is recognised.
func Interrupt(ctx context.Context, con *console.Console, cfg Config) (*UBoot, error) {
	con.EndEpoch(ctx, "a new U-Boot prompt was asked for")
	u := &UBoot{network: cfg.Network, Interpreter: console.Interpreter{Console: con, Exit: classify.UBootExit, Limit: commandTime}}
	for until := con.Now().Add(cfg.Timeout); ; cfg.JustReset = false {
		prompt, err := u.stop(ctx, cfg, until)
		if err != nil {
			return nil, err
		}
		u.Dialect = console.UBoot(prompt, cfg.Line)
		u.Abort = alarms
		// The first byte after the interrupt may be lost, and what was typed beyond need lies in U-Boot's input now: clear
		// it with a byte that may go, let it settle, then ask.
		if err = con.Send(ctx, interrupt); err == nil {
			err = u.drain(ctx)
		}
		if err != nil {
			return nil, err
		}
		if err = con.Sync(ctx, u.Dialect, syncTries, syncWait); err == nil {
			u.Resume()
			return u, nil
		}
		// What looked like a prompt was none, or the board went on: back to where it can be stopped.
		if classify.Find(err, classify.ConsoleTimeout) == nil && classify.Find(err, classify.ConsoleEcho) == nil {
			return nil, err
		}
		if !con.Now().Before(until) {
			return nil, classify.Wrap(err, classify.UBootSync, "U-Boot's prompt is there but does not answer")
		}
	}
}

// drain waits until the board says nothing any more, and forgets what it said.
func (u *UBoot) drain(ctx context.Context) error {
	_, err := u.Expect(ctx, console.Wait{What: "silence", Stall: quiet, Timeout: drainLimit, Abort: alarms})
	u.Skip()
	if classify.Find(err, classify.ConsoleStall) != nil || classify.Find(err, classify.ConsoleTimeout) != nil {
		return nil
	}
	return err
}

// Env gives an environment variable, "" if it is not set.
func (u *UBoot) Env(ctx context.Context, name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	res, err := u.Exec(ctx, console.Command{Text: "printenv " + name})
	if err != nil || res.Code != 0 {
		return "", err // an unset variable exits 1
	}
	for line := range strings.Lines(res.Output) {
		if value, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), name+"="); ok {
			return value, nil
		}
	}
	return "", u.Fail(classify.New(classify.UBootExit, "U-Boot printed no value for %s", name))
}

// SetEnv sets an environment variable, literally. It is not saved.
func (u *UBoot) SetEnv(ctx context.Context, name, value string) error {
	if err := checkName(name); err != nil {
		return err
	}
	_, err := u.Run(ctx, console.Command{Text: "setenv " + name + " " + console.QuoteUBoot(value)})
	return err
}

var validName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

func checkName(name string) error {
	if !validName.MatchString(name) {
		return classify.New(classify.ConsoleText, "%q is not a name for a U-Boot variable", name)
	}
	return nil
}

// initNetwork has U-Boot look for its network card, where it must be told to.
func (u *UBoot) initNetwork(ctx context.Context) error {
	if u.network == "" {
		return nil
	}
	_, err := u.Run(ctx, console.Command{Text: u.network})
	return classify.WithHint(err, "check uboot.network in the policy")
}

// DHCP gets a lease, and nothing else: autoload is off. It gives the board's address.
func (u *UBoot) DHCP(ctx context.Context) (string, error) {
	if err := u.initNetwork(ctx); err != nil {
		return "", err
	}
	if _, err := u.Run(ctx, console.Command{Text: "setenv autoload no; setenv netretry no"}); err != nil {
		return "", err
	}
	res, err := u.Exec(ctx, console.Command{Text: "dhcp", Timeout: dhcpTime, Kind: classify.NetDHCPTimeout})
	switch {
	case err != nil:
		return "", err
	case res.Code != 0 && strings.Contains(res.Output, "Retry time exceeded"):
		return "", classify.WithHint(u.Fail(classify.New(classify.NetDHCPTimeout, "no DHCP server answered U-Boot")), "check the cable, and that a DHCP server serves the board's network")
	case res.Code != 0 && strings.Contains(res.Output, "No ethernet found"):
		return "", classify.WithHint(u.Failed(classify.NetDHCP, "dhcp", res),
			"if U-Boot has to be told to look for its network card, set uboot.network to the command: `usb start`, `virtio scan`")
	case res.Code != 0:
		return "", u.Failed(classify.NetDHCP, "dhcp", res)
	}
	address, err := u.Env(ctx, "ipaddr")
	if err == nil && address == "" {
		err = u.Fail(classify.New(classify.NetDHCP, "dhcp succeeded, but ipaddr is not set"))
	}
	return address, err
}

// SetAddress gives the board an address without asking anybody. A gateway that is not valid is none.
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

// transferred is how U-Boot reports a load. The number is what arrived, whatever the exit code says.
var transferred = regexp.MustCompile(`Bytes transferred = (\d+)`)

// unanswered is what U-Boot prints when a TFTP server does not answer ten times in a row, or when it gives up, and
// sometimes starts all over again. By itself it gives up after so many in the whole of a load, however well that goes on.
var unanswered = console.Abort{
	Pattern: console.Regexp(`(?:T ){10}|Retry count exceeded`),
	Kind:    classify.NetTFTPTimeout,
	Message: "the TFTP server does not answer",
	Hint:    "check net.tftp in the policy and that UDP port 69 of the station is reachable from the board",
}

// notFound is the server's answer with the code that means so; its words are its own. Source: RFC 1350.
var notFound = regexp.MustCompile(`TFTP error: '.*' \(1\)`)

// Window is how many blocks a TFTP server may send before an answer, where U-Boot knows of windows. Few network cards of
// boards hold less than the first; more than the most has been seen to wedge one.
const (
	FirstWindow = 4
	MaxWindow  = 16
	BlockSize   = 1468 // bytes that an Ethernet frame holds
)

// Load fetches a file of a known size by TFTP from server to an address in RAM, so many blocks at once. An unanswered request is given up after
// about 10 s.
func (u *UBoot) Load(ctx context.Context, server, name string, address uint64, size int64, window int) error {
	// Milliseconds, and how many of them in all; the environment is not saved.
	const patience = "setenv netretry no; setenv tftptimeout 1000; setenv tftptimeoutcountmax 1000; "
	tune := console.Command{Text: fmt.Sprintf("%ssetenv tftpblocksize %d; setenv tftpwindowsize %d", patience, BlockSize, window)}
	if err := u.SetEnv(ctx, "serverip", server); err != nil {
		return err
	}
	if _, err := u.Exec(ctx, tune); err != nil && !console.Optional(ctx, err) { // a U-Boot that refuses a variable loads as it will
		return err
	}
	cmd := fmt.Sprintf("tftpboot %#x %s", address, console.QuoteUBoot(name))
	res, err := u.Exec(ctx, console.Command{Text: cmd, Stall: loadStall, Abort: []console.Abort{unanswered}})
	switch {
	case err != nil:
		return classify.Wrap(err, classify.NetTFTP, "cannot load %s from %s", name, server)
	case notFound.MatchString(res.Output) && strings.Contains(res.Output, "Filename '"+name+"'."): // else it asked for something else
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
	got, err := u.Env(ctx, "filesize") // what was printed may have been spoiled
	switch {
	case err != nil && classify.Find(err, classify.UBootExit) == nil:
		return err
	case strings.TrimLeft(got, "0") == strconv.FormatInt(size, 16):
		return nil
	}
	return u.Fail(classify.New(classify.NetTFTP, "%s has %d bytes, U-Boot did not report that many", name, size))
}

// Resume begins an epoch of the prompt, which must be there: after Boot, because its command came back.
func (u *UBoot) Resume() { u.Epoch = u.NewEpoch("U-Boot prompt") }

// Boot starts a kernel, which ends the prompt's epoch. It returns the alarm that means that the kernel did not start: the
// command came back.
func (u *UBoot) Boot(ctx context.Context, cmd string) (console.Abort, error) {
	returned, err := u.Leave(ctx, cmd)
	return console.Abort{
		Pattern: returned,
		Kind:    classify.UBootBoot,
		Message: fmt.Sprintf("U-Boot could not start the kernel: `%s` came back", cmd),
		Hint:    "the console lines say why; check the addresses and the files",
	}, err
}
