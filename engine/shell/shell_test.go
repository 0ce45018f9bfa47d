package shell

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/consoletest"
)

// board is a Linux at the other end of a console's wire.
type board struct {
	talk   [][2]string                            // steps before the prompt: what is typed, and the answer
	prompt string                                 // "" is one with an escape sequence
	reply  func(cmd string) (output, code string) // answers the commands of the test; nil: all succeed
	odd    func(cmd string) (output, code string) // answers all commands, those of Login too; nil: as a board without faults
}

// answer returns what a command prints, and its exit code.
func (b *board) answer(cmd string) (output, code string) {
	switch {
	case b.odd != nil:
		return b.odd(cmd)
	case cmd == prepareCmd, strings.HasPrefix(cmd, "date"), strings.HasPrefix(cmd, "echo 'AZ"):
		return wellBehaved(cmd)
	case b.reply != nil:
		return b.reply(cmd)
	}
	return "", "0"
}

// serve plays the login and then the shell.
func (b *board) serve(wire *consoletest.Board) {
	wire.Prompt, wire.Reply = cmp.Or(b.prompt, "/root # \x1b[6n"), b.answer
	for _, step := range b.talk {
		wire.Until(step[0])
		wire.Say(step[1])
	}
	wire.Serve()
}

// login logs in to b.
func login(t *testing.T, cfg Config, b *board) (*Shell, error) {
	t.Helper()
	return loginIn(t, cfg, Booting, nil, b)
}

// loginIn logs in to b, of which state is known.
func loginIn(t *testing.T, cfg Config, state State, note func(string), b *board) (*Shell, error) {
	t.Helper()
	port, wire := consoletest.NewBoard(t)
	c := console.New(port, console.Config{})
	t.Cleanup(func() { c.Close() })
	go b.serve(wire)
	return Login(t.Context(), c, cfg, state, note)
}

// with returns Default with a change.
func with(change func(*Config)) Config {
	cfg := Default
	change(&cfg)
	return cfg
}

// TestLogin logs in to boards that ask for it in different ways. A refusal is an error at once.
func TestLogin(t *testing.T) {
	const kernel = "[    0.000000] Booting Linux # 1\r\n"
	const noise = "[    5.123456] random: crng init done\r\n"
	secret := with(func(c *Config) { c.Password = "s3cret" })
	two := with(func(c *Config) { c.Prompts = []string{"# ", "root@evm:", "root@evm:~# "} })
	const quickly = time.Second
	const pauses = 3 * firstPause // before the second password and the third
	for name, tt := range map[string]struct {
		cfg    Config
		state  State
		talk   [][2]string
		kind   classify.Kind
		within time.Duration
		prompt string
	}{
		"no password":           {Default, Booting, [][2]string{{"", kernel + "host login: "}, {"root\n", "root\r\n\r\n/root # \x1b[6n"}}, "", quickly, "# "},
		"password":              {secret, Booting, [][2]string{{"", kernel + "host login: "}, {"root\n", "root\r\nPassword: "}, {"s3cret\n", "\r\nLast login: Thu\r\n# "}}, "", quickly, "# "},
		"an empty password":     {Default, Booting, [][2]string{{"", "login: "}, {"root\n", "Password: "}, {"\n", "\r\n# "}}, "", quickly, "# "},
		"a prompt at once":      {Default, Booting, [][2]string{{"", kernel + "/ # "}}, "", quickly, "# "},
		"a long path":           {Default, Booting, [][2]string{{"", "login: "}, {"root\n", "\r\nroot@host:/very/long/path# "}}, "", quickly, "# "},
		"the longest prompt":    {two, Booting, [][2]string{{"", "login: "}, {"root\n", "\r\nroot@evm:~# "}}, "", quickly, "root@evm:~# "},
		"another prompt":        {two, Booting, [][2]string{{"", "login: "}, {"root\n", "\r\nroot@evm:"}}, "", quickly, "root@evm:"},
		"press Enter":           {Default, Booting, [][2]string{{"", kernel + "Please press Enter to activate this console. "}, {"\n", "\r\n/ # "}}, "", quickly, "# "},
		"press Enter, noise":    {Default, Booting, [][2]string{{"", "Please press Enter to activate this console. " + noise}, {"\n", "\r\n/ # "}}, "", quickly, "# "},
		"noise at the login":    {Default, Booting, [][2]string{{"", "host login: " + noise}, {"root\n", "# "}}, "", quickly, "# "},
		"noise at the prompt":   {Default, Booting, [][2]string{{"", "login: "}, {"root\n", "\r\n/root # \x1b[6n" + noise}}, "", quickly, "# "},
		"noise at the password": {secret, Booting, [][2]string{{"", "login: "}, {"root\n", "Password: " + noise}, {"s3cret\n", "# "}}, "", quickly, "# "},
		"another noise":         {Default, Booting, [][2]string{{"", "login: "}, {"root\n", "\r\n# eth0: link up\r\n"}, {"\n", "\r\n# "}}, "", answerNudge + quickly, "# "},
		"Enter, in other words": {Default, Booting, [][2]string{{"", kernel + "Hit return\r\n"}, {"\n", "login: "}, {"root\n", "# "}}, "", nudgeAfter + quickly, "# "},
		"it runs already":       {Default, Running, [][2]string{{"\n", "\r\n/root # "}}, "", firstNudge + quickly, "# "},
		"second try":            {Default, Booting, [][2]string{{"", "login: "}, {"root\n", "\r\nLogin incorrect\r\nlogin: "}, {"root\n", "# "}}, "", quickly, "# "},
		"denied": {secret, Booting, [][2]string{
			{"", "login: "},
			{"root\n", "Password: "},
			{"s3cret\n", "\r\nLogin incorrect\r\nlogin: "},
			{"root\n", "Password: "},
			{"s3cret\n", "\r\nLogin incorrect\r\nlogin: "},
			{"root\n", "Password: "},
			{"s3cret\n", "\r\nLogin incorrect\r\n"},
			{"never", ""},
		}, classify.ShellLoginDenied, pauses + quickly, ""},
		"denied in other words": {secret, Booting, [][2]string{
			{"", "login: "},
			{"root\n", "Password: "},
			{"s3cret\n", "\r\nPermission denied\r\nlogin: "},
			{"root\n", "Password: "},
			{"s3cret\n", "\r\nPermission denied\r\nlogin: "},
			{"root\n", "Password: "},
			{"s3cret\n", "\r\nPermission denied\r\nlogin: "},
			{"never", ""},
		}, classify.ShellLoginDenied, pauses + quickly, ""},
		"no answer to the name": {Default, Booting, [][2]string{{"", "login: "}, {"never", ""}}, classify.ShellLogin, echoTimeout + quickly, ""},
		"a prompt of its own":   {Default, Booting, [][2]string{{"", "login: "}, {"root\n", "root\r\n$ "}, {"never", ""}}, classify.ShellLogin, answerTimeout + quickly, ""},
		"it asks forever":       {Default, Booting, [][2]string{{"", strings.Repeat("Please press Enter to activate this console.\r\n", 100)}, {"never", ""}}, classify.ShellLogin, Default.Timeout, ""},
		"panic":                 {Default, Booting, [][2]string{{"", kernel + "Kernel panic - not syncing: VFS: Unable to mount root fs\r\n"}, {"never", ""}}, classify.BoardPanic, 0, ""},
		"reset":                 {Default, Booting, [][2]string{{"", kernel + "\r\nU-Boot 2023.01 (Jan 01 2024)\r\n"}, {"never", ""}}, classify.BoardReset, 0, ""},
		"an emergency":          {Default, Booting, [][2]string{{"", kernel + "Give root password for maintenance\r\n(or press Control-D to continue): "}, {"never", ""}}, classify.ShellLogin, 0, ""},
		"no login":              {Default, Booting, [][2]string{{"", kernel}, {"never", ""}}, classify.ShellLogin, Default.Timeout, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				s, err := loginIn(t, tt.cfg, tt.state, nil, &board{talk: tt.talk, prompt: tt.prompt})
				took := time.Since(began)
				if f := classify.Facts(err); f.Kind != tt.kind || tt.kind == "" && err != nil {
					t.Fatalf("Login() = %v of kind %q; want kind %q", err, f.Kind, tt.kind)
				}
				prompt := ""
				if err == nil {
					prompt = s.Prompt
				}
				if took > tt.within || prompt != tt.prompt {
					t.Errorf("Login() = prompt %q after %s; want %q within %s", prompt, took, tt.prompt, tt.within)
				}
			})
		})
	}
}

// TestDeniedHint: if the board asks for a password and the policy has none, the hint names the key.
func TestDeniedHint(t *testing.T) {
	for password, want := range map[string]string{"": "set linux.password", "s3cret": "check linux.user and linux.password"} {
		synctest.Test(t, func(t *testing.T) {
			talk := [][2]string{{"", "login: "}}
			for range loginTries {
				talk = append(talk, [2]string{"root\n", "Password: "}, [2]string{password + "\n", "\r\nLogin incorrect\r\nlogin: "})
			}
			_, err := login(t, with(func(c *Config) { c.Password = password }), &board{talk: append(talk, [2]string{"never", ""})})
			if f := classify.Facts(err); f.Kind != classify.ShellLoginDenied || !strings.Contains(f.Hint, want) {
				t.Errorf("Login() with password %q = %v, hint %q; want kind %s, hint %q", password, err, f.Hint, classify.ShellLoginDenied, want)
			}
		})
	}
}

func TestThePasswordIsNotRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var record strings.Builder
		tr := console.NewTranscript(&record)
		port, wire := consoletest.NewBoard(t)
		c := console.New(port, console.Config{Recorder: tr})
		defer c.Close()
		b := &board{talk: [][2]string{{"", "login: "}, {"root\n", "Password: "}, {"s3cret\n", "\r\n# "}}}
		go b.serve(wire)
		cfg := Default
		cfg.Password = "s3cret"
		if _, err := Login(t.Context(), c, cfg, Booting, nil); err != nil {
			t.Fatal(err)
		}
		c.Close()
		tr.Close()
		if s := record.String(); strings.Contains(s, "s3cret") || !strings.Contains(s, "> root") {
			t.Errorf("transcript:\n%s\nwant the user and no password", s)
		}
	})
}

func TestRunReadsTheExitCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := login(t, Default, &board{talk: [][2]string{{"", "# "}}, reply: func(cmd string) (string, string) {
			if cmd == "false" {
				return "sorry\r\n", "1"
			}
			return cmd + "\r\n", "0"
		}})
		if err != nil {
			t.Fatal(err)
		}
		if out, err := s.Run(t.Context(), console.Command{Text: "it's"}); err == nil || out != "" {
			t.Errorf("Run(it's) = %q, %v; want an error", out, err)
		}
		if out, err := s.Run(t.Context(), console.Command{Text: "say 'x'"}); out != "say 'x'" || err != nil {
			t.Errorf("Run(say 'x') = %q, %v; want %q", out, err, "say 'x'")
		}
		out, err := s.Run(t.Context(), console.Command{Text: "false"})
		if f := classify.Facts(err); f.Kind != classify.ShellExit || !strings.Contains(err.Error(), "the shell: `false` exited 1") || !strings.Contains(f.Console, "sorry") || out != "sorry" {
			t.Errorf("Run(false) = %q, %v; want %q and kind %s with the console lines", out, err, "sorry", classify.ShellExit)
		}
	})
}

// TestStaticAddress sets an address without DHCP, on a board with a link and on one without.
func TestStaticAddress(t *testing.T) {
	for name, tt := range map[string]struct {
		link string
		want string
		kind classify.Kind
	}{
		"a link":  {"lan0\r\n", "192.168.7.5", ""},
		"noise":   {"[    5.123456] usb 1-1: new device\r\nlan0\r\n", "192.168.7.5", ""},
		"no link": {"", "", classify.NetLink},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := Default
				cfg.Address, cfg.Gateway = netip.MustParsePrefix("192.168.7.5/23"), netip.MustParseAddr("192.168.6.1")
				var typed []string
				s, err := login(t, cfg, &board{talk: [][2]string{{"", "# "}}, reply: func(cmd string) (string, string) {
					if typed = append(typed, cmd); cmd == linkedCmd {
						return tt.link, "0"
					}
					return "", "0"
				}})
				if err != nil {
					t.Fatal(err)
				}
				got, err := s.Network(t.Context())
				if f := classify.Facts(err); got != tt.want || f.Kind != tt.kind {
					t.Errorf("Network() = %q, %v of kind %q; want %q, kind %q", got, err, f.Kind, tt.want, tt.kind)
				}
				all := strings.Join(typed, "\n")
				for _, cmd := range []string{"ip addr add 192.168.7.5/23 dev lan0 2>/dev/null || ifconfig lan0 192.168.7.5 netmask 255.255.254.0", "ip route add default via 192.168.6.1 2>/dev/null || route add default gw 192.168.6.1"} {
					if strings.Contains(all, cmd) != (tt.kind == "") {
						t.Errorf("commands:\n%s\nwant %t: %s", all, tt.kind == "", cmd)
					}
				}
			})
		})
	}
}

// inet returns what ip prints of an interface's address.
func inet(address string) string {
	return "    inet 127.0.0.1/8 scope host lo\r\n    inet " + address + " brd 10.255.255.255 scope global eth0\r\n"
}

// TestFirstAddress finds the address in the output of ip and ifconfig.
func TestFirstAddress(t *testing.T) {
	for output, want := range map[string]string{
		"1: lo: <LOOPBACK,UP>\n    inet 127.0.0.1/8 scope host lo\n2: eth0: <UP>\n    inet 10.0.2.15/24 brd 10.0.2.255 scope global dynamic eth0\n": "10.0.2.15",
		"eth0      Link encap:Ethernet\n          inet addr:192.168.7.2  Bcast:192.168.7.255  Mask:255.255.255.0\n":                                 "192.168.7.2",
		"eth0: flags=4163<UP>\n        inet 172.16.0.9  netmask 255.255.0.0  broadcast 172.16.255.255\n        inet6 fe80::1  prefixlen 64\n":       "172.16.0.9",
		"lo: flags=73\n        inet 127.0.0.1  netmask 255.0.0.0\n":                                                                                 "",
		"3: eth1: <UP>\n    inet 169.254.3.4/16 scope link eth1\n4: eth2: <UP>\n    inet 10.1.1.1/32 scope global eth2\n":                           "10.1.1.1",
		"eth1      Link encap:Ethernet\n          inet addr:169.254.3.4  Bcast:169.254.255.255\n":                                                   "",
		"    inet 999.1.1.1/24 scope global eth0\n":                                                                                                 "",
		"/bin/sh: ip: not found\n": "",
	} {
		if got := firstAddress(output); got != want {
			t.Errorf("firstAddress(%q) = %q; want %q", output, got, want)
		}
	}
}

func TestNetwork(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg   string
		reply func(asked int, cmd string) (string, string)
		want  string
		kind  classify.Kind
	}{
		"already up": {"", func(int, string) (string, string) { return inet("10.0.2.15/24"), "0" }, "10.0.2.15", ""},
		"DHCP": {"", func(n int, cmd string) (string, string) {
			return map[bool]string{true: inet("10.0.2.15/24")}[cmd == dhcpCmd], "0"
		}, "10.0.2.15", ""},
		"no lease": {"", func(n int, cmd string) (string, string) { return "", "1" }, "", classify.NetDHCP},
		"own command": {"ifup eth0", func(n int, cmd string) (string, string) {
			return map[bool]string{true: inet("192.168.1.5/24")}[n > 1], "0"
		}, "192.168.1.5", ""},
		"own command fails": {"ifup eth0", func(n int, cmd string) (string, string) {
			return "", map[bool]string{true: "1", false: "0"}[cmd == "ifup eth0"]
		}, "", classify.NetDHCP},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, asked := Default, 0
				cfg.Network = tt.cfg
				s, err := login(t, cfg, &board{talk: [][2]string{{"", "# "}}, reply: func(cmd string) (string, string) {
					if cmd == addressCmd {
						asked++
					}
					if strings.HasPrefix(cmd, "dmesg") {
						return "", "0"
					}
					return tt.reply(asked, cmd)
				}})
				if err != nil {
					t.Fatal(err)
				}
				got, err := s.Network(t.Context())
				if f := classify.Facts(err); got != tt.want || f.Kind != tt.kind {
					t.Errorf("Network() = %q, %v of kind %q; want %q, kind %q", got, err, f.Kind, tt.want, tt.kind)
				}
			})
		})
	}
}

// TestPut writes a file over the console, in lines that the board takes. A file that arrives changed is typed
// again.
func TestPut(t *testing.T) {
	content := "it's 100 %\\\n" + strings.Repeat("\x00\xff0123456789", 200) + "!"
	for name, tt := range map[string]struct {
		spoil int // lines that arrive changed
		kind  classify.Kind
	}{"right": {}, "once wrong": {spoil: 1}, "always wrong": {spoil: 99, kind: classify.ConsoleGarbled}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file, lines := "", 0
				s, lerr := login(t, Default, &board{talk: [][2]string{{"", "# "}}, reply: func(cmd string) (string, string) {
					text, isChunk := strings.CutPrefix(cmd, "printf '")
					switch {
					case cmd == ": >'/tmp/f'":
						file = ""
					case cmd == "sha256sum <'/tmp/f'":
						return sumOf(file) + "  -\r\n", "0"
					case isChunk:
						lines++
						text, _ = strings.CutSuffix(text, "' >>'/tmp/f'")
						if tt.spoil > 0 {
							tt.spoil--
							text += "x"
						}
						file += unescaped(text)
					}
					return "", "0"
				}})
				if lerr != nil {
					t.Fatal(lerr)
				}
				err := s.Put(t.Context(), "/tmp/f", content)
				if got := classify.Facts(err).Kind; err != nil && got != tt.kind || err == nil && (tt.kind != "" || file != content) || lines < 3 {
					t.Errorf("Put() = %v of kind %q, %d lines, file %q; want kind %q, at least 3 lines, file %q", err, got, lines, file, tt.kind, content)
				}
				if err := s.Put(t.Context(), "/tmp/f", strings.Repeat("x", maxPut+1)); classify.Facts(err).Kind != classify.ConsoleText {
					t.Errorf("Put() of %d bytes = %v; want kind %s", maxPut+1, err, classify.ConsoleText)
				}
			})
		})
	}
}

// sumOf returns the SHA-256 of a text, in hexadecimal.
func sumOf(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// unescaped returns what printf makes of octal escapes.
func unescaped(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			n, _ := strconv.ParseUint(s[i+1:i+4], 8, 8)
			out.WriteByte(byte(n))
			i += 3
			continue
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
