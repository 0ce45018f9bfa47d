// Package uboot drives U-Boot over a console: stop autoboot, run commands, get a lease, load files, start a
// kernel.
//
// It owns what U-Boot prints and what that means. It does not know which files a board needs or what comes after
// the boot. It is not meant for embedders, except for Config, which is a part of engine.Policy.
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

// Config describes one board's U-Boot.
type Config struct {
	Prompts     []string      // how the prompt ends, in each U-Boot that the board may have
	Autoboot    string        // the text that it prints when autoboot can be stopped
	Keys        string        // what to type then: a key, or a word; Enter is not added
	KeyInterval time.Duration // how often the keys are typed until the prompt is there
	Password    string        // typed with Enter when asked for, and at Autoboot if there are no Keys; it is never recorded
	Timeout     time.Duration // from power-on to the prompt
	Line        int           // the longest line that it takes, in bytes
	Network     string        // a command that finds the network card; "" if U-Boot needs none
}

// State is what is known of a board when Interrupt is called.
type State int

// The states of a board.
const (
	AnyState  State = iota // it may be off, booting, at its prompt, or in Linux
	JustReset              // its power driver has reset it: a kernel that starts now means that autoboot was not stopped
)

// Default is the configuration of a stock U-Boot.
var Default = Config{
	Prompts: []string{"=> "}, Autoboot: "Hit any key to stop autoboot", Keys: " ", KeyInterval: 200 * time.Millisecond,
	Timeout: time.Minute, Line: 480,
}

const (
	drainQuiet     = 100 * time.Millisecond // silence that ends the drain after the prompt
	drainTimeout   = 2 * time.Second
	syncTries      = 3
	syncTimeout    = 2 * time.Second
	commandTimeout = 30 * time.Second // for a command that has no timeout of its own
	dhcpTimeout    = time.Minute
	loadStall      = 30 * time.Second // silence that ends a load
)

// aborts end every wait for U-Boot.
var aborts = []console.Abort{console.Reset, console.Crash}

// UBoot is a U-Boot prompt that answers. It belongs to one goroutine.
type UBoot struct {
	console.Interpreter
	network string
}

// Interrupt waits for U-Boot, stops its autoboot and makes sure that the prompt answers. A board that is at its
// prompt already is recognised.
func Interrupt(ctx context.Context, con *console.Console, cfg Config, state State) (*UBoot, error) {
	con.EndEpoch(ctx, "a new U-Boot prompt was asked for")
	u := &UBoot{network: cfg.Network, Interpreter: console.Interpreter{Console: con, Exit: classify.UBootExit, Limit: commandTimeout}}
	for until := con.Now().Add(cfg.Timeout); ; state = AnyState {
		prompt, err := u.stop(ctx, cfg, state, until)
		if err != nil {
			return nil, err
		}
		u.Dialect = console.UBoot(prompt, cfg.Line)
		u.Abort = aborts
		// The first byte after the interrupt may be lost, and U-Boot's input may still hold keys. So clear it with a
		// byte that may be lost, drain the output, and only then synchronise.
		if err = con.Send(ctx, interrupt); err == nil {
			err = u.drain(ctx)
		}
		if err != nil {
			return nil, err
		}
		if err = con.Sync(ctx, u.Dialect, syncTries, syncTimeout); err == nil {
			u.Resume()
			return u, nil
		}
		// What looked like a prompt was none, or the board went on booting: wait for the next time it can be
		// stopped.
		if classify.Find(err, classify.ConsoleTimeout) == nil && classify.Find(err, classify.ConsoleEcho) == nil {
			return nil, err
		}
		if !con.Now().Before(until) {
			return nil, classify.Wrap(err, classify.UBootSync, "U-Boot's prompt is there but does not answer")
		}
	}
}

// drain waits until the board is silent, and drops what it printed.
func (u *UBoot) drain(ctx context.Context) error {
	_, err := u.Expect(ctx, console.Wait{What: "silence", Stall: drainQuiet, Timeout: drainTimeout, Abort: aborts})
	u.Skip()
	if classify.Find(err, classify.ConsoleStall) != nil || classify.Find(err, classify.ConsoleTimeout) != nil {
		return nil
	}
	return err
}

// Env returns an environment variable, "" if it is not set.
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

// SetEnv sets an environment variable to a literal value. It does not save the environment.
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
// the load, after which it may start again. Without it U-Boot stops after a number of lost answers in the whole load,
// however well the load proceeds.
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
	cmd := fmt.Sprintf("tftpboot %#x %s", address, console.QuoteUBoot(name))
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

// Resume begins a new epoch of the prompt. It is called after Boot, when the boot command has returned.
func (u *UBoot) Resume() { u.Epoch = u.NewEpoch("U-Boot prompt") }

// Boot starts a kernel, which ends the prompt's epoch. It returns the abort that matches when the command returns,
// which means that the kernel did not start.
func (u *UBoot) Boot(ctx context.Context, cmd string) (console.Abort, error) {
	returned, err := u.Leave(ctx, cmd)
	return console.Abort{
		Pattern: returned,
		Kind:    classify.UBootBoot,
		Message: fmt.Sprintf("U-Boot could not start the kernel: `%s` came back", cmd),
		Hint:    "the console lines say why; check the addresses and the files",
	}, err
}
