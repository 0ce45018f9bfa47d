// Package uboot drives U-Boot over a console: stop autoboot, run commands, get a lease, load files, start a kernel.
//
// It owns what U-Boot prints and means by it. It does not know which files a board needs or what comes after the boot.
package uboot

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// Config is how one board's U-Boot behaves.
type Config struct {
	Prompt   string        // how the prompt ends
	Autoboot string        // what it prints when a key can stop it
	Keys     string        // what to type then
	Timeout  time.Duration // from power-on to the prompt
	Line     int           // the longest line that it takes, in bytes
}

// Default is U-Boot as it comes.
var Default = Config{Prompt: "=> ", Autoboot: "Hit any key to stop autoboot", Keys: " ", Timeout: time.Minute, Line: 480}

const (
	keyEvery    = 200 * time.Millisecond // how often keys are typed until the prompt is there
	nudgeAfter  = 5 * time.Second        // silence after which Enter is pressed, for a board that waits at its prompt
	quiet       = 100 * time.Millisecond // silence that ends the drain behind the prompt
	drainLimit  = 2 * time.Second
	syncTries   = 5
	syncWait    = 2 * time.Second
	commandTime = 30 * time.Second // for a command that has no limit of its own
	dhcpTime    = time.Minute
	loadStall   = 30 * time.Second // silence during a load
)

// UBoot is a prompt that answers.
type UBoot struct{ console.Interpreter }

// Interrupt waits for U-Boot, stops its autoboot and makes sure that the prompt answers. A board that is at its prompt
// already is recognised.
func Interrupt(ctx context.Context, con *console.Console, cfg Config) (*UBoot, error) {
	u := &UBoot{console.Interpreter{
		Console: con, Dialect: console.Hush(cfg.Prompt, cfg.Line), Exit: classify.UBootExit, Limit: commandTime,
	}}
	u.Abort = []console.Abort{console.Reset, console.Crash}
	if err := u.stop(ctx, cfg); err != nil {
		return nil, err
	}
	// What was typed beyond need lies in U-Boot's input now: clear it, let it settle, then ask.
	if err := con.Send(ctx, "\x03"); err != nil {
		return nil, err
	}
	if err := con.Drain(ctx, quiet, drainLimit); err != nil {
		return nil, err
	}
	if err := con.Sync(ctx, u.Dialect, syncTries, syncWait); err != nil {
		return nil, classify.Wrap(err, classify.UBootSync, "U-Boot's prompt is there but does not answer")
	}
	return u, nil
}

// stop types the keys from the moment U-Boot asks for them until its prompt ends the stream.
func (u *UBoot) stop(ctx context.Context, cfg Config) error {
	prompt := console.Prompt(strings.TrimRight(cfg.Prompt, " ")) // keys that came too late may stand behind it
	asked := false
	for left := cfg.Timeout; ; {
		w := console.Wait{What: "U-Boot's prompt", For: []console.Pattern{prompt}, Timeout: min(left, nudgeAfter), Abort: []console.Abort{console.Crash}}
		if asked {
			w.Timeout = min(left, keyEvery)
		} else if cfg.Autoboot != "" {
			w.For = append(w.For, console.Text(cfg.Autoboot))
		}
		m, err := u.Expect(ctx, w)
		left -= w.Timeout // an answer costs nothing worth counting
		switch {
		case err == nil && m.Index == 0:
			return nil
		case err == nil:
			asked, left = true, left+w.Timeout
		case classify.Find(err, classify.ConsoleTimeout) == nil:
			return err
		case left <= 0:
			return classify.WithHint(u.Fail(classify.New(classify.UBootSilent, "U-Boot's prompt %q did not appear within %s", cfg.Prompt, cfg.Timeout)),
				"check that the board powers on and that uboot.prompt, uboot.autoboot and uboot.keys are right")
		}
		keys := cfg.Keys
		if !asked {
			keys = "\n"
		}
		if err := u.Send(ctx, keys); err != nil {
			return err
		}
	}
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
	_, err := u.Run(ctx, console.Command{Text: "setenv " + name + " " + console.QuoteHush(value)})
	return err
}

var validName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

func checkName(name string) error {
	if !validName.MatchString(name) {
		return classify.New(classify.ConsoleText, "%q is not a name for a U-Boot variable", name)
	}
	return nil
}

// DHCP gets a lease, and nothing else: autoload is off. It gives the board's address.
func (u *UBoot) DHCP(ctx context.Context) (string, error) {
	if _, err := u.Run(ctx, console.Command{Text: "setenv autoload no; setenv netretry no"}); err != nil {
		return "", err
	}
	res, err := u.Exec(ctx, console.Command{Text: "dhcp", Timeout: dhcpTime, Kind: classify.NetDHCPTimeout})
	switch {
	case err != nil:
		return "", err
	case res.Code != 0 && strings.Contains(res.Output, "Retry time exceeded"):
		return "", classify.WithHint(u.Failed(classify.NetDHCPTimeout, "dhcp", res), "check the cable, and that a DHCP server serves the board's network")
	case res.Code != 0:
		return "", u.Failed(classify.NetDHCP, "dhcp", res)
	}
	address, err := u.Env(ctx, "ipaddr")
	if err == nil && address == "" {
		err = u.Fail(classify.New(classify.NetDHCP, "dhcp succeeded, but ipaddr is not set"))
	}
	return address, err
}

// transferred is how U-Boot reports a load. The number is what arrived, whatever the exit code says.
var transferred = regexp.MustCompile(`Bytes transferred = (\d+)`)

// unanswered is what U-Boot prints when it gives up on a TFTP server, and sometimes starts all over again.
var unanswered = console.Abort{
	Pattern: console.Text("Retry count exceeded"),
	Kind:    classify.NetTFTPTimeout,
	Says:    "the TFTP server does not answer",
	Hint:    "check net.tftp in the policy and that UDP port 69 of the station is reachable from the board",
}

// Load fetches a file of a known size by TFTP from server to an address in RAM. An unanswered request is given up after
// about 10 s.
func (u *UBoot) Load(ctx context.Context, server, name string, address uint64, size int64) error {
	// Milliseconds, and how many of them in a row; the environment is not saved.
	const patience = "setenv netretry no; setenv tftptimeout 1000; setenv tftptimeoutcountmax 10; "
	if err := u.SetEnv(ctx, "serverip", server); err != nil {
		return err
	}
	if _, err := u.Run(ctx, console.Command{Text: patience + "true"}); err != nil {
		return err
	}
	cmd := fmt.Sprintf("tftpboot %#x %s", address, console.QuoteHush(name))
	res, err := u.Exec(ctx, console.Command{Text: cmd, Stall: loadStall, Abort: []console.Abort{unanswered}})
	switch {
	case err != nil:
		return classify.Wrap(err, classify.NetTFTP, "cannot load %s from %s", name, server)
	case strings.Contains(res.Output, "File not found"):
		return u.Failed(classify.NetTFTPMissing, cmd, res)
	case strings.Contains(res.Output, "Retry count exceeded"):
		err := u.Fail(&classify.Error{Kind: unanswered.Kind, Msg: unanswered.Says, Hint: unanswered.Hint})
		return classify.Wrap(err, "", "cannot load %s from %s", name, server)
	case res.Code != 0:
		return u.Failed(classify.NetTFTP, cmd, res)
	}
	if m := transferred.FindStringSubmatch(res.Output); m == nil || m[1] != strconv.FormatInt(size, 10) {
		return u.Fail(classify.New(classify.NetTFTP, "%s has %d bytes, U-Boot did not report that many", name, size))
	}
	return nil
}

// Boot starts a kernel. It gives the alarm that means that the kernel did not start: the command came back.
func (u *UBoot) Boot(ctx context.Context, cmd string) (console.Abort, error) {
	returned, err := u.Start(ctx, u.Dialect, cmd)
	return console.Abort{
		Pattern: returned,
		Kind:    classify.UBootBoot,
		Says:    fmt.Sprintf("U-Boot could not start the kernel: `%s` came back", cmd),
		Hint:    "the console lines say why; check the addresses and the files",
	}, err
}
