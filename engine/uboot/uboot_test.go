package uboot

import (
	"context"
	"net"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

var framed = regexp.MustCompile(`echo '(\w+)''(\w+):([bs])'(?:; (.*); echo '\w+''\w+:'"\$\?:e")?$`)

// board is U-Boot at the wire: it echoes, answers frames, and asks reply what a command prints and how it exits.
type board struct {
	net.Conn
	reply func(cmd string) (output string, code string)
	typed strings.Builder // everything that arrived
}

func (b *board) say(text string) { b.Write([]byte(text)) }

// serve answers lines until the wire is closed.
func (b *board) serve() {
	var line []byte
	for buf := make([]byte, 1); ; {
		if _, err := b.Read(buf); err != nil {
			return
		}
		b.typed.Write(buf)
		switch buf[0] {
		case 3:
			line = nil
			b.say("<INTERRUPT>\r\n=> ")
			continue
		case '\n':
		default:
			line = append(line, buf[0])
			continue
		}
		b.say(string(line) + "\r\n")
		m := framed.FindStringSubmatch(string(line))
		line = nil
		switch {
		case m == nil:
			b.say("=> ")
		case m[3] == "s":
			b.say(m[1] + m[2] + ":s\r\n=> ")
		default:
			out, code := b.reply(m[4])
			b.say(m[1] + m[2] + ":b\r\n" + out)
			if code != "" {
				b.say(m[1] + m[2] + ":" + code + ":e\r\n=> ")
			}
		}
	}
}

// bench gives a console and the board behind it.
func bench(t *testing.T, reply func(string) (string, string)) (*console.Console, *board) {
	wire, port := net.Pipe()
	c := console.New(port, console.Config{})
	t.Cleanup(func() { c.Close(); wire.Close() })
	return c, &board{Conn: wire, reply: reply}
}

func ok(string) (string, string) { return "", "0" }

func TestInterrupt(t *testing.T) {
	const banner = "\r\nU-Boot 2023.01 (Jan 01 2024)\r\n\r\nNet: eth0\r\n"
	for name, power := range map[string]func(*board){
		"countdown": func(b *board) {
			b.say(banner + "Hit any key to stop autoboot:  2 ")
			buf := make([]byte, 1)
			b.Read(buf)
			b.say("\b\b\b 0 \r\n=> ")
			b.serve()
		},
		"the first keys are lost": func(b *board) {
			b.say(banner + "Hit any key to stop autoboot:  2 ")
			buf := make([]byte, 1)
			for range 3 {
				b.Read(buf)
			}
			b.say("\r\n=> ")
			b.serve()
		},
		"at its prompt, silent": func(b *board) { b.serve() },
		"no countdown text":     func(b *board) { b.say(banner + "=> "); b.serve() },
		"noise behind the prompt": func(b *board) {
			b.say(banner + "=> late message\r\n")
			b.serve()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, b := bench(t, ok)
				go power(b)
				u, err := Interrupt(t.Context(), c, Default)
				if err != nil {
					t.Fatalf("%v\n%s", err, c.Tail())
				}
				if _, err := u.Run(t.Context(), console.Command{Text: "version"}); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestInterruptFails(t *testing.T) {
	for name, tt := range map[string]struct {
		power  func(*board)
		kind   classify.Kind
		within time.Duration
	}{
		"nothing at all": {func(b *board) { drain(b) }, classify.UBootSilent, Default.Timeout},
		"Linux instead":  {func(b *board) { b.say("Debian login: "); drain(b) }, classify.UBootSilent, Default.Timeout},
		"a crash":        {func(b *board) { b.say("\"Synchronous Abort\" handler, esr 0x96000010\r\n"); drain(b) }, classify.BoardPanic, 0},
		"gone":           {func(b *board) { b.Close() }, classify.TransportLost, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, b := bench(t, ok)
				go tt.power(b)
				began := time.Now()
				_, err := Interrupt(t.Context(), c, Default)
				if got := classify.Facts(err).Kind; got != tt.kind || time.Since(began) > tt.within {
					t.Errorf("%v of kind %s after %s; want %s within %s", err, got, time.Since(began), tt.kind, tt.within)
				}
			})
		})
	}
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
		return u.Load(ctx, "10.0.0.1", "it's $x", 0x40400000, 1000)
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
		{"no lease", dhcp, "dhcp", "BOOTP broadcast 1\r\nBOOTP broadcast 17\r\n\r\nRetry time exceeded; starting again\r\n", "1", classify.NetDHCPTimeout, "U-Boot: `dhcp` exited 1"},
		{"no network card", dhcp, "dhcp", "No ethernet found.\r\n", "1", classify.NetDHCP, "exited 1"},
		{"DHCP never ends", dhcp, "dhcp", "BOOTP broadcast 1\r\n", "", classify.NetDHCPTimeout, "within 1m0s"},
		{"loaded", load, "tftpboot", "Loading: *\b##\r\ndone\r\nBytes transferred = 1000 (3e8 hex)\r\n", "0", "", ""},
		{"loaded too little", load, "tftpboot", "Bytes transferred = 999 (3e7 hex)\r\n", "0", classify.NetTFTP, "has 1000 bytes"},
		{"missing file", load, "tftpboot", "Loading: *\b\r\nTFTP error: 'File not found' (1)\r\nNot retrying...\r\n", "1", classify.NetTFTPMissing, "exited 1"},
		{"refused", load, "tftpboot", "TFTP error: 'Access violation' (2)\r\nNot retrying...\r\n", "1", classify.NetTFTP, "exited 1"},
		{"silent server", load, "tftpboot", "Loading: *\bT T T T T \r\nRetry count exceeded; starting again\r\n", "1", classify.NetTFTPTimeout, "does not answer"},
		{"silent server, for ever", load, "tftpboot", "Loading: *\bT T T T T \r\nRetry count exceeded; starting again\r\n", "", classify.NetTFTPTimeout, "does not answer"},
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
