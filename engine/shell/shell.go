// Package shell drives a Linux shell over a console: log in, run commands, bring the network up.
//
// It owns the login dialogue and the quoting of commands. It does not know what the commands are for.
package shell

import (
	"context"
	"regexp"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// Config is how one board's Linux behaves.
type Config struct {
	Login    string        // what asks for the user
	User     string        // whom to log in as
	Password string        // sent when asked for; it appears in no record
	Prompt   string        // how the shell's prompt ends
	Timeout  time.Duration // from the start of the kernel to the shell
	Line     int           // the longest line that it takes, in bytes
	Network  string        // a command that brings the network up; "" asks by DHCP on every interface
}

// Default is a Linux as an embedded one often is.
var Default = Config{Login: "login:", User: "root", Prompt: "# ", Timeout: 3 * time.Minute, Line: 1000}

const (
	nudgeAfter  = 15 * time.Second // silence after which Enter is pressed: some consoles ask for it
	answerTime  = 20 * time.Second // from the user's name to the prompt
	loginTries  = 3
	syncTries   = 2
	syncWait    = 3 * time.Second
	commandTime = time.Minute // for a command that has no limit of its own
	networkTime = 90 * time.Second
)

// Shell is a shell that answers.
type Shell struct {
	console.Interpreter
	cfg Config
	up  bool // the network is
}

// Login waits for a login or a prompt, logs in and makes sure that the shell answers. alarms end it early.
func Login(ctx context.Context, con *console.Console, cfg Config, alarms ...console.Abort) (*Shell, error) {
	s := &Shell{cfg: cfg, Interpreter: console.Interpreter{
		Console: con, Dialect: console.POSIX(cfg.Prompt, cfg.Line), Exit: classify.ShellExit, Limit: commandTime,
	}}
	s.Abort = []console.Abort{console.Panic, console.Reset}
	alarms = append(alarms, s.Abort...)
	for left := cfg.Timeout; ; {
		began := con.Now()
		if err := s.enter(ctx, left, alarms); err != nil {
			return nil, err
		}
		err := con.Sync(ctx, s.Dialect, syncTries, syncWait)
		if err == nil {
			return s, s.hush(ctx)
		}
		// What looked like a prompt was none, or the board is busy: back to where a login may come.
		if left -= con.Now().Sub(began); left <= 0 || classify.Find(err, classify.ConsoleTimeout) == nil {
			return nil, classify.Wrap(err, classify.ShellSync, "logged in, but the shell does not answer")
		}
	}
}

// enter gets from a booting kernel to something that looks like a prompt.
func (s *Shell) enter(ctx context.Context, left time.Duration, alarms []console.Abort) error {
	const asksUser, atPrompt = 0, 1
	tries := 0
	for {
		w := console.Wait{
			What: "a login", For: []console.Pattern{console.Prompt(s.cfg.Login), console.Prompt(s.cfg.Prompt)},
			Abort: alarms, Stall: min(nudgeAfter, left), Timeout: left,
		}
		m, err := s.Expect(ctx, w)
		switch {
		case err == nil && m.Index == atPrompt:
			return nil
		case err == nil && m.Index == asksUser:
			if tries++; tries > loginTries {
				return classify.WithHint(s.Fail(classify.New(classify.ShellDenied, "the board does not let %q in", s.cfg.User)),
					"check linux.user and linux.password in the policy")
			}
			in, err := s.answer(ctx, alarms)
			if in || err != nil {
				return err
			}
		case classify.Find(err, classify.ConsoleStall) != nil && left > nudgeAfter:
			left -= nudgeAfter
			if err := s.Send(ctx, "\n"); err != nil {
				return err
			}
		case classify.Find(err, classify.ConsoleStall) != nil || classify.Find(err, classify.ConsoleTimeout) != nil:
			return classify.WithHint(s.Fail(classify.New(classify.ShellLogin, "no login within %s", s.cfg.Timeout)),
				"if the board is at its login, check linux.login and linux.prompt in the policy; if it needs longer, raise linux.timeout")
		default:
			return err
		}
	}
}

// answer types user and password and reports whether a prompt followed.
func (s *Shell) answer(ctx context.Context, alarms []console.Abort) (in bool, err error) {
	if err := s.Send(ctx, s.cfg.User+"\n"); err != nil {
		return false, err
	}
	const atPrompt, asksPassword, refused = 0, 1, 2
	w := console.Wait{
		What:  "a prompt after the login",
		For:   []console.Pattern{console.Prompt(s.cfg.Prompt), console.Prompt("assword:"), console.Text("Login incorrect")},
		Abort: alarms, Timeout: answerTime, Kind: classify.ShellLogin,
	}
	m, err := s.Expect(ctx, w)
	if err == nil && m.Index == asksPassword {
		if err := s.SendSecret(ctx, s.cfg.Password+"\n"); err != nil {
			return false, err
		}
		w.For[asksPassword] = console.Text("Login incorrect")
		m, err = s.Expect(ctx, w)
	}
	return err == nil && m.Index == atPrompt, err
}

// hush keeps kernel messages off the console. A board that does not let us is noisy, not broken: framing copes.
func (s *Shell) hush(ctx context.Context) error {
	_, err := s.Exec(ctx, console.Command{Text: "dmesg -n 1 2>/dev/null || echo 1 >/proc/sys/kernel/printk"})
	return err
}

// dhcp asks for an address on each interface in turn until one has it.
const dhcp = `for i in /sys/class/net/*; do i=${i##*/}; [ $i = lo ] && continue; ` +
	`ip link set $i up 2>/dev/null || ifconfig $i up; udhcpc -i $i -n -q -t 10 -T 2 && break; done`

// address prints the first address that is not the loopback's.
const address = `(ip -4 addr show scope global 2>/dev/null || ifconfig) | sed -n 's/.*inet \(addr:\)\{0,1\}\([0-9.]*\).*/\2/p' | grep -v '^127\.' | head -n 1`

// ipv4 is a line of an address and nothing else: other lines are noise of the console.
var ipv4 = regexp.MustCompile(`(?m)^\d+\.\d+\.\d+\.\d+$`)

// address gives the board's first address, "" if it has none.
func (s *Shell) address(ctx context.Context) (string, error) {
	out, err := s.Run(ctx, console.Command{Text: address})
	return ipv4.FindString(out), err
}

// Network makes sure that the board has an address, and gives it.
func (s *Shell) Network(ctx context.Context) (string, error) {
	have, err := s.address(ctx)
	if err != nil || have != "" && s.cfg.Network == "" || s.up {
		return have, err
	}
	cmd := s.cfg.Network
	if cmd == "" {
		cmd = dhcp
	}
	res, err := s.Exec(ctx, console.Command{Text: cmd, Timeout: networkTime, Kind: classify.NetDHCPTimeout})
	if err != nil {
		return "", err
	}
	if have, err = s.address(ctx); err != nil {
		return "", err
	}
	if res.Code != 0 || have == "" {
		return "", classify.WithHint(s.Fail(classify.New(classify.NetDHCP, "the board's Linux has no address: the network command exited %d", res.Code)),
			"check the cable and the DHCP server, or set linux.network to the command that this board needs")
	}
	s.up = true
	return have, nil
}
