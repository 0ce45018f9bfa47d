package uboot

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/consoletest"
)

// board is U-Boot at the wire: it echoes, answers frames, and asks reply what a command prints and how it exits.
type board struct {
	net.Conn
	reply func(cmd string) (output string, code string)
	typed strings.Builder // everything that arrived
	stale string          // what lies in its input when it begins to read lines
	lose  int             // so many bytes are lost then

	prompt string
}

// until reads keys until they end with text.
func (b *board) until(text string) {
	var got []byte
	for buf := make([]byte, 1); !strings.HasSuffix(string(got), text); got = append(got, buf...) {
		if _, err := b.Read(buf); err != nil {
			return
		}
	}
}

func (b *board) say(text string) { b.Write([]byte(text)) }

// serve answers lines until the wire is closed.
func (b *board) serve() {
	line := []byte(b.stale)
	for buf := make([]byte, 1); ; {
		if _, err := b.Read(buf); err != nil {
			return
		}
		if b.lose > 0 {
			b.lose--
			continue
		}
		b.typed.Write(buf)
		switch buf[0] {
		case 3:
			line = nil
			b.say("<INTERRUPT>\r\n" + b.prompt)
			continue
		case '\n':
		default:
			line = append(line, buf[0])
			b.say(string(buf))
			continue
		}
		b.say("\r\n")
		l, ok := consoletest.Parse(string(line))
		line = nil
		switch {
		case !ok:
			b.say(b.prompt)
		case l.Sync:
			b.say(l.Begin() + b.prompt)
		default:
			out, code := b.reply(l.Command)
			b.say(l.Begin() + out)
			if code != "" {
				b.say(l.End(code) + b.prompt)
			}
		}
	}
}

// bench gives a console and the board behind it.
func bench(t *testing.T, reply func(string) (string, string)) (*console.Console, *board) {
	wire, port := net.Pipe()
	c := console.New(port, console.Config{})
	t.Cleanup(func() { c.Close(); wire.Close() })
	return c, &board{Conn: wire, reply: reply, prompt: "=> "}
}

func ok(string) (string, string) { return "", "0" }

const (
	banner1   = "\r\nU-Boot 2023.01 (Jan 01 2024)\r\n\r\nNet: eth0\r\n"
	countdown = "Hit any key to stop autoboot:  2 "
)

// with gives the default with something changed.
func with(change func(*Config)) Config {
	cfg := Default
	change(&cfg)
	return cfg
}

// Row 9: autoboot is stopped, whatever a board asks for. Row 19: what is lost, doubled or left over at the interrupt
// harms no command.
func TestInterrupt(t *testing.T) {
	word := with(func(c *Config) { c.Keys = "stop" })
	fresh := with(func(c *Config) { c.JustReset = true })
	secret := with(func(c *Config) { c.Keys, c.Password = "", "s3cret" })
	both := with(func(c *Config) { c.Password = "s3cret" })
	two := with(func(c *Config) { c.Prompts = []string{"=> ", "J7 => ", "vendor# "} })
	stopped := func(stale string) func(*board) {
		return func(b *board) {
			b.say(banner1 + countdown)
			b.until("stop")
			b.stale = stale
			b.say("\r\n=> " + stale)
			b.serve()
		}
	}
	const quickly = time.Second
	for name, tt := range map[string]struct {
		cfg    Config
		power  func(*board)
		prompt string
		within time.Duration
	}{
		"countdown": {Default, func(b *board) {
			b.say(banner1 + countdown)
			b.until(" ")
			b.say("\b\b\b 0 \r\n=> ")
			b.serve()
		}, "=> ", quickly},
		"the first keys are lost": {fresh, func(b *board) {
			b.say(banner1 + countdown)
			b.until("   ")
			b.say("\r\n=> ")
			b.serve()
		}, "=> ", quickly},
		"at its prompt, silent":          {Default, func(b *board) { b.serve() }, "=> ", quickly},
		"at its prompt after a reset":    {fresh, func(b *board) { b.serve() }, "=> ", nudgeAfter + quickly},
		"at its prompt, a line begun":    {Default, func(b *board) { b.stale = "mmc erase 0 "; b.serve() }, "=> ", quickly},
		"Linux shuts down at the switch": {fresh, func(b *board) { b.say("[  9.1] reboot: Power down\r\n" + banner1 + "=> "); b.serve() }, "=> ", quickly},
		"no countdown text":              {Default, func(b *board) { b.say(banner1 + "=> "); b.serve() }, "=> ", quickly},
		"noise behind the prompt":        {Default, func(b *board) { b.say(banner1 + "=> late message\r\n"); b.serve() }, "=> ", quickly},
		"SPLs before it are no reset":    {fresh, func(b *board) { b.say("\r\nU-Boot SPL 2023.04\r\nU-Boot SPL 2023.04\r\n" + banner1 + "=> "); b.serve() }, "=> ", quickly},
		"the first byte is lost":         {Default, func(b *board) { b.say(banner1 + "=> "); b.lose = 1; b.serve() }, "=> ", quickly},
		"the first two bytes are lost":   {Default, func(b *board) { b.say(banner1 + "=> "); b.lose = 2; b.serve() }, "=> ", syncWait + quickly},
		"a word":                         {word, stopped(""), "=> ", quickly},
		"the word behind the prompt":     {word, stopped("stop"), "=> ", 2 * quickly},
		"the word doubled":               {word, stopped("ssttoopp"), "=> ", 2 * quickly},
		"the word, and a byte lost":      {word, func(b *board) { b.lose = 1; stopped("stopst")(b) }, "=> ", 2*quickly + syncWait},
		"two prompts, the longer one":    {two, func(b *board) { b.prompt = "J7 => "; b.say(banner1 + b.prompt); b.serve() }, "J7 => ", quickly},
		"two prompts, the shorter one":   {two, func(b *board) { b.say(banner1 + "=> "); b.serve() }, "=> ", quickly},
		"two prompts, the vendor's own":  {two, func(b *board) { b.prompt = "vendor# "; b.say(banner1 + b.prompt); b.serve() }, "vendor# ", quickly},
		"a password": {secret, func(b *board) {
			b.say(banner1 + countdown)
			b.until("s3cret\n")
			b.say("\r\n=> ")
			b.serve()
		}, "=> ", quickly},
		"a password after the key": {both, func(b *board) {
			b.say(banner1 + countdown)
			b.until(" ")
			b.say("\r\nPassword: ")
			b.until("s3cret\n")
			b.say("\r\nPassword: ") // a key that came too late stood before it
			b.until("s3cret\n")
			b.say("\r\n=> ")
			b.serve()
		}, "=> ", quickly},
		"what looks like a prompt is none": {fresh, func(b *board) {
			b.say(banner1 + "=> ")
			b.until("s'\n") // the question, which is typed at nobody
			for range syncTries - 1 {
				b.until("s'\n")
			}
			b.say(countdown)
			b.until(" ")
			b.say("\r\n=> ")
			b.serve()
		}, "=> ", syncTries * 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, b := bench(t, ok)
				go tt.power(b)
				began := time.Now()
				u, err := Interrupt(t.Context(), c, tt.cfg)
				if err != nil {
					t.Fatalf("%v\n%s", err, c.Tail())
				}
				if took := time.Since(began); u.Prompt != tt.prompt || took > tt.within {
					t.Errorf("prompt %q after %s; want %q within %s", u.Prompt, took, tt.prompt, tt.within)
				}
				b.typed.Reset()
				if _, err := u.Run(t.Context(), console.Command{Text: "version"}); err != nil {
					t.Error(err)
				}
				if typed := b.typed.String(); strings.Count(typed, "version") != 1 || !strings.HasPrefix(typed, " echo") {
					t.Errorf("the first command was typed as %q", typed)
				}
			})
		})
	}
}

// Row 9, row 17: what cannot be stopped, or goes wrong meanwhile, is told at once and by its name.
func TestInterruptFails(t *testing.T) {
	fresh := with(func(c *Config) { c.JustReset = true })
	secret := with(func(c *Config) { c.Keys, c.Password = "", "s3cret" })
	both := with(func(c *Config) { c.Password = "s3cret" })
	for name, tt := range map[string]struct {
		cfg    Config
		power  func(*board)
		kind   classify.Kind
		within time.Duration
	}{
		"nothing at all":            {Default, func(b *board) { drain(b) }, classify.UBootAutoboot, Default.Timeout},
		"Linux instead":             {Default, func(b *board) { b.say("Debian login: "); drain(b) }, classify.UBootAutoboot, Default.Timeout},
		"a crash":                   {Default, func(b *board) { b.say("\"Synchronous Abort\" handler, esr 0x96000010\r\n"); drain(b) }, classify.BoardPanic, 0},
		"Linux shuts down":          {Default, func(b *board) { b.say("[    9.123456] reboot: System halted\r\n"); drain(b) }, classify.BoardOff, 0},
		"gone":                      {Default, func(b *board) { b.Close() }, classify.TransportLost, 0},
		"a kernel after a reset":    {fresh, func(b *board) { b.say(banner1 + "Starting kernel ...\r\n"); drain(b) }, classify.UBootAutoboot, 0},
		"a kernel though it typed":  {Default, func(b *board) { b.say(banner1 + countdown); b.until(" "); b.say("Starting kernel ...\r\n"); drain(b) }, classify.UBootAutoboot, 0},
		"a reset in the countdown":  {fresh, func(b *board) { b.say(banner1 + countdown); b.until("  "); b.say(banner1 + countdown); drain(b) }, classify.BoardReset, Default.KeyInterval},
		"a reset to SPL":            {fresh, func(b *board) { b.say(banner1 + "\r\nU-Boot SPL 2023.04\r\n"); drain(b) }, classify.BoardReset, 0},
		"a reset behind the prompt": {fresh, func(b *board) { b.say(banner1 + "=> "); b.until("\x03"); b.say(banner1); drain(b) }, classify.BoardReset, 2 * quiet},
		"a reset at the question":   {fresh, func(b *board) { b.say(banner1 + "=> "); b.until("s'"); b.say(banner1); drain(b) }, classify.BoardReset, 2 * quiet},
		"a password it has not":     {Default, func(b *board) { b.say(countdown); b.until(" "); b.say("Password: "); drain(b) }, classify.UBootAutobootDenied, 0},
		"a wrong password, a word": {secret, func(b *board) {
			b.say(banner1 + countdown)
			b.until("s3cret\n")
			b.say("\r\nStarting kernel ...\r\n")
			drain(b)
		}, classify.UBootAutobootDenied, 0},
		"a wrong password": {both, func(b *board) {
			b.say(countdown)
			b.until(" ")
			for range passwordTries {
				b.say("Password: ")
				b.until("s3cret\n")
			}
			b.say("Password: ")
			drain(b)
		}, classify.UBootAutobootDenied, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, b := bench(t, ok)
				go tt.power(b)
				began := time.Now()
				_, err := Interrupt(t.Context(), c, tt.cfg)
				if got := classify.Facts(err).Kind; got != tt.kind || time.Since(began) > tt.within {
					t.Errorf("%v of kind %s after %s; want %s within %s", err, got, time.Since(began), tt.kind, tt.within)
				}
			})
		})
	}
}

func TestThePasswordIsNotRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var record strings.Builder
		tr := console.NewTranscript(&record)
		wire, port := net.Pipe()
		c := console.New(port, console.Config{Recorder: tr})
		defer wire.Close()
		b := &board{Conn: wire, reply: ok, prompt: "=> "}
		go func() {
			b.say(banner1 + countdown)
			b.until("s3cret\n")
			b.say("3cret\r\n=> ") // the first one stopped autoboot
			b.serve()
		}()
		tr.Hide(console.NewSecrets("s3cret"))
		if _, err := Interrupt(t.Context(), c, with(func(c *Config) { c.Keys, c.Password = "", "s3cret" })); err != nil {
			t.Fatal(err)
		}
		c.Close()
		tr.Close()
		if s := record.String(); strings.Contains(s, "cret") || !strings.Contains(s, "> ********") {
			t.Errorf("transcript:\n%s", s)
		}
	})
}

// Row 24: an address without DHCP, with a router or without.
func TestSetAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := map[string]string{}
		u, _ := prompt(t, func(cmd string) (string, string) {
			f := strings.Fields(cmd)
			env[f[1]] = strings.Trim(f[2], "'")
			return "", "0"
		})
		for _, gateway := range []string{"192.168.7.1", ""} {
			router, _ := netip.ParseAddr(gateway)
			if err := u.SetAddress(t.Context(), netip.MustParsePrefix("192.168.7.5/23"), router); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"ipaddr": "192.168.7.5", "netmask": "255.255.254.0", "gatewayip": gateway}
			if !maps.Equal(env, want) {
				t.Errorf("environment %v; want %v", env, want)
			}
		}
	})
}

func drain(b *board) {
	buf := make([]byte, 64)
	for {
		if _, err := b.Read(buf); err != nil {
			return
		}
	}
}

// prompt gives a U-Boot whose commands are answered by reply.
func prompt(t *testing.T, reply func(string) (string, string)) (*UBoot, *board) {
	c, b := bench(t, reply)
	go b.serve()
	u, err := Interrupt(t.Context(), c, Default)
	if err != nil {
		t.Fatal(err)
	}
	return u, b
}

// The outputs below were printed by Debian's U-Boot 2023.01 in QEMU.
func TestCommands(t *testing.T) {
	dhcp := func(ctx context.Context, u *UBoot) error { _, err := u.DHCP(ctx); return err }
	load := func(ctx context.Context, u *UBoot) error {
		return u.Load(ctx, "10.0.0.1", "it's $x", 0x40400000, 1000, FirstWindow)
	}
	for _, tt := range []struct {
		name         string
		do           func(context.Context, *UBoot) error
		cmd          string
		output, code string
		kind         classify.Kind
		text         string
	}{
		{"lease", dhcp, "dhcp", "BOOTP broadcast 1\r\nDHCP client bound to address 10.0.2.15 (1 ms)\r\n", "0", "", ""},
		{"no lease", dhcp, "dhcp", "BOOTP broadcast 1\r\nBOOTP broadcast 17\r\n\r\nRetry time exceeded; starting again\r\n", "1", classify.NetDHCPTimeout, "no DHCP server answered U-Boot"},
		{"no network card", dhcp, "dhcp", "No ethernet found.\r\n", "1", classify.NetDHCP, "exited 1"},
		{"DHCP never ends", dhcp, "dhcp", "BOOTP broadcast 1\r\n", "", classify.NetDHCPTimeout, "within 1m0s"},
		{"loaded", load, "tftpboot", "Loading: *\b##\r\ndone\r\nBytes transferred = 1000 (3e8 hex)\r\n", "0", "", ""},
		{"loaded too little", load, "tftpboot", "Bytes transferred = 999 (3e7 hex)\r\n", "0", classify.NetTFTP, "has 1000 bytes"},
		{"missing file", load, "tftpboot", "Filename 'it's $x'.\r\nLoading: *\b\r\nTFTP error: 'File not found' (1)\r\nNot retrying...\r\n", "1", classify.NetTFTPMissing, "exited 1"},
		{"mangled name", load, "tftpboot", "Filename 'its $x'.\r\nLoading: *\b\r\nTFTP error: 'File not found' (1)\r\nNot retrying...\r\n", "1", classify.NetTFTP, "exited 1"},
		{"refused", load, "tftpboot", "TFTP error: 'Access violation' (2)\r\nNot retrying...\r\n", "1", classify.NetTFTP, "exited 1"},
		{"silent server", load, "tftpboot", "Loading: *\bT T T T T \r\nRetry count exceeded; starting again\r\n", "1", classify.NetTFTPTimeout, "does not answer"},
		{"silent server, for ever", load, "tftpboot", "Loading: *\bT T T T T \r\nRetry count exceeded; starting again\r\n", "", classify.NetTFTPTimeout, "does not answer"},
		{"server that falls silent", load, "tftpboot", "Loading: *\b####T T T T T T T T T T ", "", classify.NetTFTPTimeout, "does not answer"},
		{"lossy network", load, "tftpboot", "Loading: *\b#" + strings.Repeat("T T T T T T T T T #", 9) + "\r\ndone\r\nBytes transferred = 1000 (3e8 hex)\r\n", "0", "", ""},
		{"stalled", load, "tftpboot", "Loading: *\b##", "", classify.ConsoleStall, "silence for 30s"},
		{"reset", load, "tftpboot", "Loading: *\b##\r\nU-Boot SPL 2023.01 (Jan 01 2024)\r\n", "", classify.BoardReset, "reset itself"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var cmds []string
				u, _ := prompt(t, func(cmd string) (string, string) {
					cmds = append(cmds, cmd)
					switch {
					case strings.HasPrefix(cmd, tt.cmd):
						return tt.output, tt.code
					case cmd == "printenv ipaddr":
						return "ipaddr=10.0.2.15\r\n", "0"
					}
					return "", "0"
				})
				err := tt.do(t.Context(), u)
				if f := classify.Facts(err); tt.kind == "" && err != nil || f.Kind != tt.kind || err != nil && !strings.Contains(err.Error(), tt.text) {
					t.Errorf("%v of kind %s; want %q of %s", err, f.Kind, tt.text, tt.kind)
				}
				if all := strings.Join(cmds, "\n"); tt.cmd == "tftpboot" && !strings.Contains(all, `tftpboot 0x40400000 'it'\''s $x'`) {
					t.Errorf("typed:\n%s", all)
				}
			})
		})
	}
}

// TestTuningIsOptional: a U-Boot that refuses the variables that make a load quicker, or hangs over them, loads all the same.
func TestTuningIsOptional(t *testing.T) {
	for _, code := range []string{"1", ""} {
		synctest.Test(t, func(t *testing.T) {
			u, _ := prompt(t, func(cmd string) (string, string) {
				switch {
				case strings.Contains(cmd, "tftpwindowsize"):
					return "## Error: Can't overwrite \"tftpwindowsize\"\r\n", code
				case strings.HasPrefix(cmd, "tftpboot"):
					return "Bytes transferred = 1000 (3e8 hex)\r\n", "0"
				}
				return "", "0"
			})
			if err := u.Load(t.Context(), "10.0.0.1", "file", 0x40400000, 1000, FirstWindow); err != nil {
				t.Errorf("Load after exit code %q = %v", code, err)
			}
		})
	}
}

func TestNetworkCardIsLookedFor(t *testing.T) {
	for name, tt := range map[string]struct {
		network, scan string // the command, and how it exits
		kind          classify.Kind
		hint          string
	}{
		"told":     {"virtio scan", "0", "", ""},
		"not told": {"", "", classify.NetDHCP, "set uboot.network"},
		"in vain":  {"usb start", "1", classify.UBootExit, "check uboot.network"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				found := false
				c, b := bench(t, func(cmd string) (string, string) {
					switch {
					case cmd == tt.network:
						found = tt.scan == "0"
						return "", tt.scan
					case cmd == "dhcp" && !found:
						return "No ethernet found.\r\n", "1"
					case cmd == "printenv ipaddr":
						return "ipaddr=10.0.2.15\r\n", "0"
					}
					return "", "0"
				})
				go b.serve()
				cfg := Default
				cfg.Network = tt.network
				u, err := Interrupt(t.Context(), c, cfg)
				if err != nil {
					t.Fatal(err)
				}
				address, err := u.DHCP(t.Context())
				if f := classify.Facts(err); f.Kind != tt.kind || !strings.Contains(f.Hint, tt.hint) || (address == "10.0.2.15") != (err == nil) {
					t.Errorf("DHCP() = %q, %v of kind %s, hint %q; want %s, %q", address, err, f.Kind, f.Hint, tt.kind, tt.hint)
				}
			})
		})
	}
}

func TestEnv(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, _ := prompt(t, func(cmd string) (string, string) {
			switch cmd {
			case "printenv bootcmd":
				return "bootcmd=run distro; a=b\r\n", "0"
			case "printenv missing":
				return "## Error: \"missing\" not defined\r\n", "1"
			}
			return "", "0"
		})
		if v, err := u.Env(t.Context(), "bootcmd"); v != "run distro; a=b" || err != nil {
			t.Errorf("Env = %q, %v", v, err)
		}
		if v, err := u.Env(t.Context(), "missing"); v != "" || err != nil {
			t.Errorf("Env of an unset variable = %q, %v", v, err)
		}
		for _, name := range []string{"", "a b", "x;reset", "'"} {
			if _, err := u.Env(t.Context(), name); classify.Facts(err).Kind != classify.ConsoleText {
				t.Errorf("Env(%q) = %v", name, err)
			}
		}
		if _, err := u.Run(t.Context(), console.Command{Text: "false"}); err != nil {
			t.Error(err)
		}
	})
}
