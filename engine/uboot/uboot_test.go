package uboot

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/consoletest"
)

// bench returns a console and the board at the other end of its wire.
func bench(t *testing.T, reply func(string) (string, string)) (*console.Console, *consoletest.Board) {
	port, b := consoletest.NewBoard(t)
	b.Reply = reply
	c := console.New(port, console.Config{})
	t.Cleanup(func() { c.Close() })
	return c, b
}

const (
	banner1   = "\r\nU-Boot 2023.01 (Jan 01 2024)\r\n\r\nNet: eth0\r\n"
	countdown = "Hit any key to stop autoboot:  2 "
)

// noNote drops notes.
func noNote(string) {}

// with returns Default with a change.
func with(change func(*Config)) Config {
	cfg := Default
	change(&cfg)
	return cfg
}

// TestInterrupt stops autoboot, whatever a board asks for. Bytes that are lost, doubled or left over then must not
// harm the first command.
func TestInterrupt(t *testing.T) {
	word := with(func(c *Config) { c.Keys = "stop" })
	secret := with(func(c *Config) { c.Keys, c.Password = "", "s3cret" })
	both := with(func(c *Config) { c.Password = "s3cret" })
	silent := with(func(c *Config) { c.Autoboot = "" })
	silentWord := with(func(c *Config) { c.Autoboot, c.Keys = "", "tpl" })
	silentSecret := with(func(c *Config) { c.Autoboot, c.Keys, c.Password = "", "", "s3cret" })
	silentBoth := with(func(c *Config) { c.Autoboot, c.Password = "", "s3cret" })
	promptOnly := with(func(c *Config) { c.Autoboot, c.Keys = "", "" })
	two := with(func(c *Config) { c.Prompts = []string{"=> ", "J7 => ", "vendor# "} })
	stopped := func(stale string) func(*consoletest.Board) {
		return func(b *consoletest.Board) {
			b.Say(banner1 + countdown)
			b.Until("stop")
			b.Stale = stale
			b.Say("\r\n=> " + stale)
			b.Serve()
		}
	}
	const quickly = time.Second
	for name, tt := range map[string]struct {
		cfg    Config
		state  State
		power  func(*consoletest.Board)
		prompt string
		within time.Duration
	}{
		"countdown": {Default, AnyState, func(b *consoletest.Board) {
			b.Say(banner1 + countdown)
			b.Until(" ")
			b.Say("\b\b\b 0 \r\n=> ")
			b.Serve()
		}, "=> ", quickly},
		"the first keys are lost": {Default, JustReset, func(b *consoletest.Board) {
			b.Say(banner1 + countdown)
			b.Until("   ")
			b.Say("\r\n=> ")
			b.Serve()
		}, "=> ", quickly},
		"at its prompt, silent":          {Default, AnyState, func(b *consoletest.Board) { b.Serve() }, "=> ", quickly},
		"at its prompt after a reset":    {Default, JustReset, func(b *consoletest.Board) { b.Serve() }, "=> ", nudgeAfter + quickly},
		"at its prompt, a line begun":    {Default, AnyState, func(b *consoletest.Board) { b.Stale = "mmc erase 0 "; b.Serve() }, "=> ", quickly},
		"Linux shuts down at the switch": {Default, JustReset, func(b *consoletest.Board) { b.Say("[  9.1] reboot: Power down\r\n" + banner1 + "=> "); b.Serve() }, "=> ", quickly},
		"no countdown text":              {Default, AnyState, func(b *consoletest.Board) { b.Say(banner1 + "=> "); b.Serve() }, "=> ", quickly},
		"noise after the prompt":         {Default, AnyState, func(b *consoletest.Board) { b.Say(banner1 + "=> late message\r\n"); b.Serve() }, "=> ", quickly},
		"SPLs before it are no reset": {Default, JustReset, func(b *consoletest.Board) {
			b.Say("\r\nU-Boot SPL 2023.04\r\nU-Boot SPL 2023.04\r\n" + banner1 + "=> ")
			b.Serve()
		}, "=> ", quickly},
		"the first byte is lost":        {Default, AnyState, func(b *consoletest.Board) { b.Say(banner1 + "=> "); b.Lose = 1; b.Serve() }, "=> ", quickly},
		"the first two bytes are lost":  {Default, AnyState, func(b *consoletest.Board) { b.Say(banner1 + "=> "); b.Lose = 2; b.Serve() }, "=> ", syncTimeout + quickly},
		"a word":                        {word, AnyState, stopped(""), "=> ", quickly},
		"the word after the prompt":     {word, AnyState, stopped("stop"), "=> ", 2 * quickly},
		"the word doubled":              {word, AnyState, stopped("ssttoopp"), "=> ", 2 * quickly},
		"the word, and a byte lost":     {word, AnyState, func(b *consoletest.Board) { b.Lose = 1; stopped("stopst")(b) }, "=> ", 2*quickly + syncTimeout},
		"two prompts, the longer one":   {two, AnyState, func(b *consoletest.Board) { b.Prompt = "J7 => "; b.Say(banner1 + b.Prompt); b.Serve() }, "J7 => ", quickly},
		"two prompts, the shorter one":  {two, AnyState, func(b *consoletest.Board) { b.Say(banner1 + "=> "); b.Serve() }, "=> ", quickly},
		"two prompts, the vendor's own": {two, AnyState, func(b *consoletest.Board) { b.Prompt = "vendor# "; b.Say(banner1 + b.Prompt); b.Serve() }, "vendor# ", quickly},
		"a reset in the countdown": {Default, JustReset, func(b *consoletest.Board) {
			b.Say(banner1 + countdown)
			b.Until("  ")
			b.Say("PMIC: resetting\r\n" + banner1 + countdown)
			b.Until(" ")
			b.Say("\r\n=> ")
			b.Serve()
		}, "=> ", 2 * quickly},
		"a reset before the countdown, to SPL": {Default, JustReset, func(b *consoletest.Board) {
			for range 2 {
				b.Say("\r\nU-Boot SPL 2023.04\r\n" + banner1)
			}
			b.Say(countdown)
			b.Until(" ")
			b.Say("\r\n=> ")
			b.Serve()
		}, "=> ", quickly},
		"as many resets as may be": {Default, JustReset, func(b *consoletest.Board) {
			for range maxRestarts {
				b.Say(banner1)
			}
			b.Say(banner1 + countdown)
			b.Until(" ")
			b.Say("\r\n=> ")
			b.Serve()
		}, "=> ", quickly},
		"a silent console": {silent, JustReset, func(b *consoletest.Board) {
			b.Until("    ")
			b.Say("\r\n=> ")
			b.Serve()
		}, "=> ", 3 * quickly},
		"a silent console, a word": {silentWord, JustReset, func(b *consoletest.Board) {
			b.Until("tpltpl")
			b.Say("\r\n=> ")
			b.Serve()
		}, "=> ", 2 * quickly},
		"a silent console, a password": {silentSecret, JustReset, func(b *consoletest.Board) {
			b.Until("s3cret\ns3cret\n")
			b.Say("\r\n=> ")
			b.Serve()
		}, "=> ", 2 * quickly},
		"a silent console that asks for the password": {silentBoth, JustReset, func(b *consoletest.Board) {
			b.Until("  ")
			b.Say("Password: ")
			b.Until("s3cret\n")
			b.Say("\r\n=> ")
			b.Serve()
		}, "=> ", 2 * quickly},
		"a silent console, a word, at its prompt":     {silentWord, AnyState, func(b *consoletest.Board) { b.Serve() }, "=> ", 3 * quickly},
		"a silent console, a password, at its prompt": {silentSecret, AnyState, func(b *consoletest.Board) { b.Serve() }, "=> ", 3 * quickly},
		"nothing is typed before the prompt": {promptOnly, JustReset, func(b *consoletest.Board) {
			b.Say(banner1 + countdown + "\b\b\b 0 \r\nnetboot failed\r\n=> ")
			b.Serve()
		}, "=> ", quickly},
		"a password": {secret, AnyState, func(b *consoletest.Board) {
			b.Say(banner1 + countdown)
			b.Until("s3cret\n")
			b.Say("\r\n=> ")
			b.Serve()
		}, "=> ", quickly},
		"a password after the key": {both, AnyState, func(b *consoletest.Board) {
			b.Say(banner1 + countdown)
			b.Until(" ")
			b.Say("\r\nPassword: ")
			b.Until("s3cret\n")
			b.Say("\r\nPassword: ") // a late key came before the password
			b.Until("s3cret\n")
			b.Say("\r\n=> ")
			b.Serve()
		}, "=> ", quickly},
		"what looks like a prompt is none": {Default, JustReset, func(b *consoletest.Board) {
			b.Say(banner1 + "=> ")
			b.Until(".'\n") // of the first Sync, which gets no answer
			for range syncTries - 1 {
				b.Until(".'\n")
			}
			b.Say(countdown)
			b.Until(" ")
			b.Say("\r\n=> ")
			b.Serve()
		}, "=> ", syncTries * 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, b := bench(t, consoletest.OK)
				go tt.power(b)
				began := time.Now()
				u, err := Interrupt(t.Context(), c, tt.cfg, tt.state, noNote)
				if err != nil {
					t.Fatalf("Interrupt() = %v; want nil\n%s", err, c.Tail())
				}
				if took := time.Since(began); u.Prompt != tt.prompt || took > tt.within {
					t.Errorf("Interrupt() = prompt %q after %s; want %q within %s", u.Prompt, took, tt.prompt, tt.within)
				}
				b.Typed.Reset()
				if _, err := u.Run(t.Context(), console.Command{Text: "version"}); err != nil {
					t.Error(err)
				}
				if typed := b.Typed.String(); strings.Count(typed, "version") != 1 || !strings.HasPrefix(typed, " echo") {
					t.Errorf("the first command was typed as %q; want it once, after a space and echo", typed)
				}
			})
		})
	}
}

// TestInterruptFails: an autoboot that cannot be stopped, or a board that fails meanwhile, is an error of its own
// kind at once.
func TestInterruptFails(t *testing.T) {
	silent := with(func(c *Config) { c.Autoboot = "" })
	secret := with(func(c *Config) { c.Keys, c.Password = "", "s3cret" })
	both := with(func(c *Config) { c.Password = "s3cret" })
	for name, tt := range map[string]struct {
		cfg    Config
		state  State
		power  func(*consoletest.Board)
		kind   classify.Kind
		within time.Duration
	}{
		"nothing at all":         {Default, AnyState, func(b *consoletest.Board) { b.Discard() }, classify.UBootAutoboot, Default.Timeout},
		"Linux instead":          {Default, AnyState, func(b *consoletest.Board) { b.Say("Debian login: "); b.Discard() }, classify.UBootAutoboot, Default.Timeout},
		"a crash":                {Default, AnyState, func(b *consoletest.Board) { b.Say("\"Synchronous Abort\" handler, esr 0x96000010\r\n"); b.Discard() }, classify.BoardPanic, 0},
		"Linux shuts down":       {Default, AnyState, func(b *consoletest.Board) { b.Say("[    9.123456] reboot: System halted\r\n"); b.Discard() }, classify.BoardOff, 0},
		"gone":                   {Default, AnyState, func(b *consoletest.Board) { b.Close() }, classify.TransportLost, 0},
		"a kernel after a reset": {Default, JustReset, func(b *consoletest.Board) { b.Say(banner1 + "Starting kernel ...\r\n"); b.Discard() }, classify.UBootAutoboot, 0},
		"a kernel though it typed": {Default, AnyState, func(b *consoletest.Board) {
			b.Say(banner1 + countdown)
			b.Until(" ")
			b.Say("Starting kernel ...\r\n")
			b.Discard()
		}, classify.UBootAutoboot, 0},
		"a reset too many": {Default, JustReset, func(b *consoletest.Board) {
			for range maxRestarts {
				b.Say(banner1 + countdown)
				b.Until(" ")
			}
			b.Say(banner1 + "DRAM: 1 GiB\r\n" + banner1)
			b.Discard()
		}, classify.BoardReset, 0},
		"a silent kernel": {silent, JustReset, func(b *consoletest.Board) {
			b.Until("  ")
			b.Say("[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd034]\r\n")
			b.Discard()
		}, classify.UBootAutoboot, Default.KeyInterval},
		"a silent kernel, no text": {Default, JustReset, func(b *consoletest.Board) {
			b.Say("Linux version 4.4.60 (builder@host)\r\n")
			b.Discard()
		}, classify.UBootAutoboot, 0},
		"a reset after the prompt":      {Default, JustReset, func(b *consoletest.Board) { b.Say(banner1 + "=> "); b.Until("\x03"); b.Say(banner1); b.Discard() }, classify.BoardReset, 2 * drainSilence},
		"a reset during the first Sync": {Default, JustReset, func(b *consoletest.Board) { b.Say(banner1 + "=> "); b.Until(".'"); b.Say(banner1); b.Discard() }, classify.BoardReset, 2 * drainSilence},
		"a password it has not":         {Default, AnyState, func(b *consoletest.Board) { b.Say(countdown); b.Until(" "); b.Say("Password: "); b.Discard() }, classify.UBootAutobootDenied, 0},
		"a wrong password, a word": {secret, AnyState, func(b *consoletest.Board) {
			b.Say(banner1 + countdown)
			b.Until("s3cret\n")
			b.Say("\r\nStarting kernel ...\r\n")
			b.Discard()
		}, classify.UBootAutobootDenied, 0},
		"a wrong password": {both, AnyState, func(b *consoletest.Board) {
			b.Say(countdown)
			b.Until(" ")
			for range passwordTries {
				b.Say("Password: ")
				b.Until("s3cret\n")
			}
			b.Say("Password: ")
			b.Discard()
		}, classify.UBootAutobootDenied, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, b := bench(t, consoletest.OK)
				go tt.power(b)
				began := time.Now()
				_, err := Interrupt(t.Context(), c, tt.cfg, tt.state, noNote)
				if got := classify.Facts(err).Kind; got != tt.kind || time.Since(began) > tt.within {
					t.Errorf("Interrupt() = %v of kind %s after %s; want %s within %s", err, got, time.Since(began), tt.kind, tt.within)
				}
			})
		})
	}
}

func TestThePasswordIsNotRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var record strings.Builder
		tr := console.NewTranscript(&record)
		port, b := consoletest.NewBoard(t)
		c := console.New(port, console.Config{Recorder: tr})
		go func() {
			b.Say(banner1 + countdown)
			b.Until("s3cret\n")
			b.Say("3cret\r\n=> ") // the first one stopped autoboot
			b.Serve()
		}()
		tr.Hide(console.NewSecrets("s3cret"))
		if _, err := Interrupt(t.Context(), c, with(func(c *Config) { c.Keys, c.Password = "", "s3cret" }), AnyState, noNote); err != nil {
			t.Fatal(err)
		}
		c.Close()
		tr.Close()
		if s := record.String(); strings.Contains(s, "cret") || !strings.Contains(s, "> ********") {
			t.Errorf("transcript:\n%s\nwant stars in place of the password", s)
		}
	})
}

// TestSetAddress sets an address without DHCP, with a gateway and without.
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
				t.Errorf("SetAddress(…, %q) set %v; want %v", gateway, env, want)
			}
		}
	})
}

// prompt returns a U-Boot at its prompt whose commands reply answers.
func prompt(t *testing.T, reply func(string) (string, string)) (*UBoot, *consoletest.Board) {
	c, b := bench(t, reply)
	go b.Serve()
	u, err := Interrupt(t.Context(), c, Default, AnyState, noNote)
	if err != nil {
		t.Fatal(err)
	}
	return u, b
}

// TestCommands uses output of Debian's U-Boot 2023.01 in QEMU.
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
		{"lease", dhcp, dhcpCmd, "BOOTP broadcast 1\r\nDHCP client bound to address 10.0.2.15 (1 ms)\r\n", "0", "", ""},
		{"lease, garbled report", dhcp, dhcpCmd, "DHCP client bound to a#dress 10.0.2.15 (1 ms)\r\n", "0", "", ""},
		{"no lease", dhcp, dhcpCmd, "BOOTP broadcast 1\r\nBOOTP broadcast 17\r\n\r\nRetry time exceeded; starting again\r\n", "1", classify.NetDHCPTimeout, "no DHCP server answered U-Boot"},
		{"no network card", dhcp, dhcpCmd, "No ethernet found.\r\n", "1", classify.NetDHCP, "exited 1"},
		{"DHCP never ends", dhcp, dhcpCmd, "BOOTP broadcast 1\r\n", "", classify.NetDHCPTimeout, "timed out after 1m0s"},
		{"loaded", load, "tftpboot", "Loading: *\b##\r\ndone\r\nBytes transferred = 1000 (3e8 hex)\r\n", "0", "", ""},
		{"loaded too little", load, "tftpboot", "Bytes transferred = 999 (3e7 hex)\r\n", "0", classify.NetTFTP, "has 1000 bytes"},
		{"missing file", load, "tftpboot", "Filename 'it's $x'.\r\nLoading: *\b\r\nTFTP error: 'File not found' (1)\r\nNot retrying...\r\n", "1", classify.NetTFTPMissing, "exited 1"},
		{"mangled name", load, "tftpboot", "Filename 'its $x'.\r\nLoading: *\b\r\nTFTP error: 'File not found' (1)\r\nNot retrying...\r\n", "1", classify.NetTFTP, "exited 1"},
		{"refused", load, "tftpboot", "TFTP error: 'Access violation' (2)\r\nNot retrying...\r\n", "1", classify.NetTFTP, "exited 1"},
		{"silent server", load, "tftpboot", "Loading: *\bT T T T T \r\nRetry count exceeded; starting again\r\n", "1", classify.NetTFTPTimeout, "does not answer"},
		{"silent server, for ever", load, "tftpboot", "Loading: *\bT T T T T \r\nRetry count exceeded; starting again\r\n", "", classify.NetTFTPTimeout, "does not answer"},
		{"server that falls silent", load, "tftpboot", "Loading: *\b####T T T T T T T T T T ", "", classify.NetTFTPTimeout, "does not answer"},
		{"lossy network", load, "tftpboot", "Loading: *\b#" + strings.Repeat("T T T T T T T T T #", 9) + "\r\ndone\r\nBytes transferred = 1000 (3e8 hex)\r\n", "0", "", ""},
		// U-Boot 2026.10-rc2 with the lwIP stack in QEMU, and the error as another byte order prints it.
		{"lwIP: loaded", load, "tftpboot", "Loading: #################################################  1000 Bytes\r\n\t 97.7 KiB/s\r\ndone\r\nBytes transferred = 1000 (3e8 hex)\r\n", "0", "", ""},
		{"lwIP: missing file", load, "tftpboot", "Filename 'it's $x'.\r\nLoad address: 0x40400000\r\nLoading: \r\nTFTP error: 256 (File not found)\r\n", "1", classify.NetTFTPMissing, "exited 1"},
		{"lwIP: missing file, big endian", load, "tftpboot", "Filename 'it's $x'.\r\nLoad address: 0x40400000\r\nLoading: \r\nTFTP error: 1 (File not found)\r\n", "1", classify.NetTFTPMissing, "exited 1"},
		{"lwIP: refused", load, "tftpboot", "Loading: \r\nTFTP error: 512 (Access violation)\r\n", "1", classify.NetTFTP, "exited 1"},
		{"lwIP: silent server", load, "tftpboot", "Loading: Timeout!\r\n", "1", classify.NetTFTPTimeout, "does not answer"},
		{"lwIP: unreachable server", load, "tftpboot", "Loading: ICMP destination unreachable (network unreachable) from 10.0.2.2\r\n\r\nTFTP error: -1 (Request timeout)\r\n", "1", classify.NetTFTPTimeout, "does not answer"},
		{"lwIP: no route", load, "tftpboot", "Loading: tftp_get() error -4\r\n", "1", classify.NetTFTP, "exited 1"},
		{"stalled", load, "tftpboot", "Loading: *\b##", "", classify.ConsoleStall, "silence for 30s"},
		{"reset", load, "tftpboot", "Loading: *\b##\r\nU-Boot SPL 2023.01 (Jan 01 2024)\r\n", "", classify.BoardReset, "reset itself"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var cmds []string
				u, _ := prompt(t, func(cmd string) (string, string) {
					cmds = append(cmds, cmd)
					switch {
					case strings.Contains(cmd, tt.cmd):
						return tt.output, tt.code
					case cmd == "printenv ipaddr":
						return "ipaddr=10.0.2.15\r\n", "0"
					}
					return "", "0"
				})
				err := tt.do(t.Context(), u)
				if f := classify.Facts(err); tt.kind == "" && err != nil || f.Kind != tt.kind || err != nil && !strings.Contains(err.Error(), tt.text) {
					t.Errorf("error = %v of kind %s; want %q of kind %s", err, f.Kind, tt.text, tt.kind)
				}
				if all := strings.Join(cmds, "\n"); tt.cmd == "tftpboot" && !strings.Contains(all, `tftpboot 0x40400000 '10.0.0.1:it'\''s $x'`) {
					t.Errorf("commands:\n%s\nwant tftpboot with the server and the quoted name", all)
				}
			})
		})
	}
}

// TestLoadCommands: the first load sets the variables of TFTP, later ones what differs. Each setting may fail. A
// U-Boot that wants serverip gets it.
func TestLoadCommands(t *testing.T) {
	const tune = "setenv tftpdstp;setenv tftpsrcp;setenv tftptimeout 1000;setenv tftptimeoutcountmax 999;"
	for name, tt := range map[string]struct {
		old  bool // it wants serverip
		want []string
	}{
		"new": {false, []string{
			"setenv netretry no;" + tune + "setenv tftpwindowsize 4;tftpboot 0x40400000 10.0.0.1:file",
			"tftpboot 0x40400000 10.0.0.1:file",
			"setenv tftpwindowsize 16;tftpboot 0x40400000 10.0.0.1:file",
		}},
		"old": {true, []string{
			"setenv netretry no;" + tune + "setenv tftpwindowsize 4;tftpboot 0x40400000 10.0.0.1:file",
			"setenv serverip 10.0.0.1;tftpboot 0x40400000 10.0.0.1:file",
			"tftpboot 0x40400000 10.0.0.1:file",
			"setenv tftpwindowsize 16;tftpboot 0x40400000 10.0.0.1:file",
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var typed []string
			needs := tt.old
			u, _ := prompt(t, func(cmd string) (string, string) {
				typed = append(typed, cmd)
				if needs = needs && !strings.Contains(cmd, "serverip"); needs {
					return "*** ERROR: `serverip' not set\r\n", "1"
				}
				return "Bytes transferred = 1000 (3e8 hex)\r\n", "0"
			})
			for _, window := range []int{4, 4, 16} {
				if err := u.Load(t.Context(), "10.0.0.1", "file", 0x40400000, 1000, window); err != nil {
					t.Fatal(err)
				}
			}
			if fmt.Sprintf("%q", typed) != fmt.Sprintf("%q", tt.want) {
				t.Errorf("%s U-Boot: Load typed %q; want %q", name, typed, tt.want)
			}
		})
	}
}

// dhcpCmd is what DHCP types.
const dhcpCmd = "setenv netretry no;setenv autoload n;dhcp"

func TestNetworkCardIsLookedFor(t *testing.T) {
	for name, tt := range map[string]struct {
		network, scan string // the command, and its exit code
		kind          classify.Kind
		hint          string
	}{
		"found":        {"virtio scan", "0", "", ""},
		"not set":      {"", "", classify.NetDHCP, "set uboot.network"},
		"first of two": {"usb start; true", "1", classify.UBootExit, "each of its commands must succeed"},
		"both":         {"usb start; true", "0", "", ""},
		"not found":    {"usb start", "1", classify.UBootExit, "check uboot.network"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				found := false
				c, b := bench(t, func(cmd string) (string, string) {
					switch {
					case cmd == tt.network || cmd == "usb start":
						found = tt.scan == "0"
						return "", tt.scan
					case cmd == dhcpCmd && !found:
						return "No ethernet found.\r\n", "1"
					case cmd == "printenv ipaddr":
						return "ipaddr=10.0.2.15\r\n", "0"
					}
					return "", "0"
				})
				go b.Serve()
				cfg := Default
				cfg.Network = tt.network
				u, err := Interrupt(t.Context(), c, cfg, AnyState, noNote)
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
			case "printenv 'serial#'":
				return "serial#=A1=b\r\n", "0"
			case "setenv 'it'\\''s;a' 1":
				return "", "0"
			}
			return "unexpected command\r\n", "1"
		})
		if v, err := u.Env(t.Context(), "bootcmd"); v != "run distro; a=b" || err != nil {
			t.Errorf("Env(bootcmd) = %q, %v; want %q", v, err, "run distro; a=b")
		}
		if v, err := u.Env(t.Context(), "missing"); v != "" || err != nil {
			t.Errorf("Env(missing) = %q, %v; want an empty value", v, err)
		}
		if v, err := u.Env(t.Context(), "serial#"); v != "A1=b" || err != nil {
			t.Errorf("Env(serial#) = %q, %v; want %q", v, err, "A1=b")
		}
		if err := u.SetEnv(t.Context(), "it's;a", "1"); err != nil {
			t.Errorf("SetEnv(it's;a) = %v; want nil", err)
		}
		for _, name := range []string{"", "a b", "a=b", "-a", "-", "a\tb", "a\nb", "\x7f", "größe"} {
			if _, err := u.Env(t.Context(), name); classify.Facts(err).Kind != classify.ConsoleText {
				t.Errorf("Env(%q) = %v; want kind %s", name, err, classify.ConsoleText)
			}
			if err := u.SetEnv(t.Context(), name, "1"); classify.Facts(err).Kind != classify.ConsoleText {
				t.Errorf("SetEnv(%q) = %v; want kind %s", name, err, classify.ConsoleText)
			}
		}
	})
}
