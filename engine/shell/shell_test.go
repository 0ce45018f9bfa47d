package shell

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"net"
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

// board is a Linux at the wire. Each of talk is said when what stands before it was typed.
type board struct {
	net.Conn
	talk  [][2]string
	reply func(cmd string) (output, code string)
	odd   func(cmd string) (output, code string) // answers what Login asks, too
	heard string

	prompt string
}

// answer is what a command prints and how it exits.
func (b *board) answer(cmd string) (output, code string) {
	switch {
	case strings.HasPrefix(cmd, "fl(){"): // the console's own
	case b.odd != nil:
		return b.odd(cmd)
	case strings.Contains(cmd, "printk"), strings.HasPrefix(cmd, "date"), strings.HasPrefix(cmd, "echo 'AZ"):
		return wellBehaved(cmd)
	case b.reply != nil:
		return b.reply(cmd)
	}
	return "", "0"
}

// wellBehaved answers what Login asks a board that has nothing wrong with it.
func wellBehaved(cmd string) (output, code string) {
	switch {
	case strings.Contains(cmd, "printk"):
		return "1\t4\t1\t7\r\n12.34 10.00\r\n", "0"
	case strings.HasPrefix(cmd, "date"):
		return fmt.Sprintf("%d\r\n", time.Now().Unix()), "0"
	}
	return probeText + "\r\n", "0"
}

func (b *board) serve() {
	buf := make([]byte, 256)
	for {
		for len(b.talk) > 0 && strings.HasSuffix(b.heard, b.talk[0][0]) {
			say := b.talk[0][1]
			b.talk, b.heard = b.talk[1:], ""
			b.Write([]byte(say))
		}
		n, err := b.Read(buf)
		if err != nil {
			return
		}
		b.heard += string(buf[:n])
		if len(b.talk) > 0 {
			continue
		}
		line, enter := strings.CutSuffix(b.heard, "\n")
		b.Write(bytes.ReplaceAll(buf[:n], []byte("\n"), []byte("\r\n")))
		if !enter {
			continue
		}
		b.heard = ""
		l, ok := consoletest.Parse(line)
		switch {
		case ok && l.Sync:
			b.Write([]byte(l.Begin()))
		case ok:
			out, code := b.answer(l.Command)
			if b.Write([]byte(l.Begin() + out)); code == "" {
				continue
			}
			b.Write([]byte(l.End(code)))
		}
		b.Write([]byte(cmp.Or(b.prompt, "/root # \x1b[6n")))
	}
}

func login(t *testing.T, cfg Config, b *board) (*Shell, error) {
	t.Helper()
	wire, port := net.Pipe()
	c := console.New(port, console.Config{})
	t.Cleanup(func() { c.Close(); wire.Close() })
	b.Conn = wire
	go b.serve()
	return Login(t.Context(), c, cfg)
}

// with gives the default with something changed.
func with(change func(*Config)) Config {
	cfg := Default
	change(&cfg)
	return cfg
}

// Rows 4, 6, 9 and 17: whatever asks for a login gets one, and a refusal is told as soon as it is one.
func TestLogin(t *testing.T) {
	const kernel = "[    0.000000] Booting Linux # 1\r\n"
	const noise = "[    5.123456] random: crng init done\r\n"
	secret := with(func(c *Config) { c.Password = "s3cret" })
	two := with(func(c *Config) { c.Prompts = []string{"# ", "root@evm:", "root@evm:~# "} })
	running := with(func(c *Config) { c.Running = true })
	const quickly = time.Second
	for name, tt := range map[string]struct {
		cfg    Config
		talk   [][2]string
		kind   classify.Kind
		within time.Duration
		prompt string
	}{
		"no password":           {Default, [][2]string{{"", kernel + "host login: "}, {"root\n", "root\r\n\r\n/root # \x1b[6n"}}, "", quickly, "# "},
		"password":              {secret, [][2]string{{"", kernel + "host login: "}, {"root\n", "root\r\nPassword: "}, {"s3cret\n", "\r\nLast login: Thu\r\n# "}}, "", quickly, "# "},
		"an empty password":     {Default, [][2]string{{"", "login: "}, {"root\n", "Password: "}, {"\n", "\r\n# "}}, "", quickly, "# "},
		"a prompt at once":      {Default, [][2]string{{"", kernel + "/ # "}}, "", quickly, "# "},
		"a long path":           {Default, [][2]string{{"", "login: "}, {"root\n", "\r\nroot@host:/very/long/path# "}}, "", quickly, "# "},
		"the longest prompt":    {two, [][2]string{{"", "login: "}, {"root\n", "\r\nroot@evm:~# "}}, "", quickly, "root@evm:~# "},
		"another prompt":        {two, [][2]string{{"", "login: "}, {"root\n", "\r\nroot@evm:"}}, "", quickly, "root@evm:"},
		"press Enter":           {Default, [][2]string{{"", kernel + "Please press Enter to activate this console. "}, {"\n", "\r\n/ # "}}, "", quickly, "# "},
		"press Enter, noise":    {Default, [][2]string{{"", "Please press Enter to activate this console. " + noise}, {"\n", "\r\n/ # "}}, "", quickly, "# "},
		"noise at the login":    {Default, [][2]string{{"", "host login: " + noise}, {"root\n", "# "}}, "", quickly, "# "},
		"noise at the prompt":   {Default, [][2]string{{"", "login: "}, {"root\n", "\r\n/root # \x1b[6n" + noise}}, "", quickly, "# "},
		"noise at the password": {secret, [][2]string{{"", "login: "}, {"root\n", "Password: " + noise}, {"s3cret\n", "# "}}, "", quickly, "# "},
		"another noise":         {Default, [][2]string{{"", "login: "}, {"root\n", "\r\n# eth0: link up\r\n"}, {"\n", "\r\n# "}}, "", nudgeAnswer + quickly, "# "},
		"Enter, in other words": {Default, [][2]string{{"", kernel + "Hit return\r\n"}, {"\n", "login: "}, {"root\n", "# "}}, "", nudgeAfter + quickly, "# "},
		"it runs already":       {running, [][2]string{{"\n", "\r\n/root # "}}, "", nudgeFirst + quickly, "# "},
		"second try":            {Default, [][2]string{{"", "login: "}, {"root\n", "\r\nLogin incorrect\r\nlogin: "}, {"root\n", "# "}}, "", quickly, "# "},
		"denied": {secret, [][2]string{
			{"", "login: "},
			{"root\n", "Password: "},
			{"s3cret\n", "\r\nLogin incorrect\r\nlogin: "},
			{"root\n", "Password: "},
			{"s3cret\n", "\r\nLogin incorrect\r\nlogin: "},
			{"root\n", "Password: "},
			{"s3cret\n", "\r\nLogin incorrect\r\n"},
			{"never", ""},
		}, classify.ShellLoginDenied, quickly, ""},
		"denied in other words": {secret, [][2]string{
			{"", "login: "},
			{"root\n", "Password: "},
			{"s3cret\n", "\r\nPermission denied\r\nlogin: "},
			{"root\n", "Password: "},
			{"s3cret\n", "\r\nPermission denied\r\nlogin: "},
			{"root\n", "Password: "},
			{"s3cret\n", "\r\nPermission denied\r\nlogin: "},
			{"never", ""},
		}, classify.ShellLoginDenied, quickly, ""},
		"no answer to the name": {Default, [][2]string{{"", "login: "}, {"never", ""}}, classify.ShellLogin, answerTime + quickly, ""},
		"a prompt of its own":   {Default, [][2]string{{"", "login: "}, {"root\n", "\r\n$ "}, {"never", ""}}, classify.ShellLogin, answerTime + quickly, ""},
		"it asks forever":       {Default, [][2]string{{"", strings.Repeat("Please press Enter to activate this console.\r\n", 100)}, {"never", ""}}, classify.ShellLogin, Default.Timeout, ""},
		"panic":                 {Default, [][2]string{{"", kernel + "Kernel panic - not syncing: VFS: Unable to mount root fs\r\n"}, {"never", ""}}, classify.BoardPanic, 0, ""},
		"reset":                 {Default, [][2]string{{"", kernel + "\r\nU-Boot 2023.01 (Jan 01 2024)\r\n"}, {"never", ""}}, classify.BoardReset, 0, ""},
		"an emergency":          {Default, [][2]string{{"", kernel + "Give root password for maintenance\r\n(or press Control-D to continue): "}, {"never", ""}}, classify.ShellLogin, 0, ""},
		"no login":              {Default, [][2]string{{"", kernel}, {"never", ""}}, classify.ShellLogin, Default.Timeout, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				s, err := login(t, tt.cfg, &board{talk: tt.talk, prompt: tt.prompt})
				took := time.Since(began)
				if f := classify.Facts(err); f.Kind != tt.kind || tt.kind == "" && err != nil {
					t.Fatalf("Login = %v of kind %s; want %s", err, f.Kind, tt.kind)
				}
				prompt := ""
				if err == nil {
					prompt = s.Prompt
				}
				if took > tt.within || prompt != tt.prompt {
					t.Errorf("took %s to prompt %q; want %q within %s", took, prompt, tt.prompt, tt.within)
				}
			})
		})
	}
}

// A board that asks for a password and a policy that has none: the hint names the key.
func TestDeniedHint(t *testing.T) {
	for password, want := range map[string]string{"": "set linux.password", "s3cret": "check linux.user and linux.password"} {
		synctest.Test(t, func(t *testing.T) {
			talk := [][2]string{{"", "login: "}}
			for range loginTries {
				talk = append(talk, [2]string{"root\n", "Password: "}, [2]string{password + "\n", "\r\nLogin incorrect\r\nlogin: "})
			}
			_, err := login(t, with(func(c *Config) { c.Password = password }), &board{talk: append(talk, [2]string{"never", ""})})
			if f := classify.Facts(err); f.Kind != classify.ShellLoginDenied || !strings.Contains(f.Hint, want) {
				t.Errorf("%v, hint %q; want %q", err, f.Hint, want)
			}
		})
	}
}

// Rows 3, 4, 25 and 31: what Login does with a shell before anybody works with it, and what becomes of a board that does
// not go along.
func TestPrepare(t *testing.T) {
	const mangled, day = "AZaz09!\"#$%&", 24 * time.Hour
	for name, tt := range map[string]struct {
		odd   func(n int, cmd string) (out, code string, ok bool) // n counts the commands; not ok is answered well
		kind  classify.Kind
		note  string
		typed string // that must be among the commands
	}{
		"nothing odd": {func(int, string) (string, string, bool) { return "", "", false }, "", "", "dmesg -n 1"},
		"a mangled echo": {func(_ int, cmd string) (string, string, bool) {
			return mangled + "\r\n", "0", strings.HasPrefix(cmd, "echo 'AZ")
		}, classify.ShellSync, "", ""},
		"an echo that never ends": {func(_ int, cmd string) (string, string, bool) {
			return probeText[:5], "", strings.HasPrefix(cmd, "echo 'AZ")
		}, classify.ShellSync, "", ""},
		"an echo mangled once": {func(n int, cmd string) (string, string, bool) {
			return mangled + "\r\n", "0", n == 1
		}, "", "", ""},
		"noise beside the echo": {func(n int, cmd string) (string, string, bool) {
			return "[    5.123456] usb 1-1: new device\r\n" + probeText + "\r\n", "0", n == 1
		}, "", "", ""},
		"printk stays": {func(_ int, cmd string) (string, string, bool) {
			return "7\t4\t1\t7\r\n12.34 10.00\r\n", "0", strings.Contains(cmd, "printk")
		}, "", `kernel messages stay on the console: /proc/sys/kernel/printk says "7\t4\t1\t7"`, ""},
		"no printk": {func(_ int, cmd string) (string, string, bool) {
			return "cat: can't open '/proc/sys/kernel/printk'\r\n", "1", strings.Contains(cmd, "printk")
		}, "", "kernel messages stay on the console", ""},
		"a little off": {func(_ int, cmd string) (string, string, bool) {
			return fmt.Sprintln(time.Now().Add(time.Second - clockOff).Unix()), "0", cmd == "date +%s"
		}, "", "", ""},
		"no clock before": {
			func(_ int, cmd string) (string, string, bool) { return "0\r\n", "0", cmd == "date +%s" }, "", "",
			"date -u -s @946684800 >/dev/null 2>&1 || date -u 010100002000.00 >/dev/null; date +%s",
		},
		"a day ahead": {func(_ int, cmd string) (string, string, bool) {
			return fmt.Sprintln(time.Now().Add(day).Unix()), "0", cmd == "date +%s"
		}, "", "", "date -u -s @"},
		"a clock that stays": {func(_ int, cmd string) (string, string, bool) {
			return fmt.Sprintln(time.Now().Add(-day).Unix()), "0", strings.HasPrefix(cmd, "date")
		}, "", "the board's clock is off by -24h0m0s and cannot be set", ""},
		"a date that never ends": {func(_ int, cmd string) (string, string, bool) {
			return "", "", strings.HasPrefix(cmd, "date")
		}, "", "the board's clock may be wrong: no sign of", ""},
		"a kernel level that never ends": {func(_ int, cmd string) (string, string, bool) {
			return "", "", strings.Contains(cmd, "printk")
		}, "", "the kernel's messages may stay on the console: no sign of", ""},
		"a panic meanwhile": {func(_ int, cmd string) (string, string, bool) {
			return "[    9.123456] Kernel panic - not syncing: Fatal exception\r\n", "", strings.HasPrefix(cmd, "date")
		}, classify.BoardPanic, "", ""},
		"no date": {func(_ int, cmd string) (string, string, bool) {
			return "sh: date: not found\r\n", "127", strings.HasPrefix(cmd, "date")
		}, "", "the board's clock cannot be read", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var notes, typed []string
				cfg := with(func(c *Config) { c.Note = func(text string) { notes = append(notes, text) } })
				_, err := login(t, cfg, &board{talk: [][2]string{{"", "# "}}, odd: func(cmd string) (string, string) {
					typed = append(typed, cmd)
					if out, code, ok := tt.odd(len(typed), cmd); ok {
						return out, code
					}
					return wellBehaved(cmd)
				}})
				all := strings.Join(notes, "\n")
				if f := classify.Facts(err); f.Kind != tt.kind || !strings.Contains(all, tt.note) || tt.note == "" && all != "" {
					t.Errorf("%v of kind %s, noted %q; want %s, %q", err, f.Kind, all, tt.kind, tt.note)
				}
				if len(typed) == 0 || !strings.HasPrefix(typed[0], "echo 'AZ") || !strings.Contains(strings.Join(typed, "\n"), tt.typed) {
					t.Errorf("typed %q; want %q", typed, tt.typed)
				}
				if set := strings.Contains(strings.Join(typed, "\n"), "date -u -s"); name == "nothing odd" && set || name == "a little off" && set {
					t.Errorf("a clock that is right was set: %q", typed)
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
		defer c.Close()
		b := &board{Conn: wire, talk: [][2]string{{"", "login: "}, {"root\n", "Password: "}, {"s3cret\n", "\r\n# "}}}
		go b.serve()
		cfg := Default
		cfg.Password = "s3cret"
		if _, err := Login(t.Context(), c, cfg); err != nil {
			t.Fatal(err)
		}
		c.Close()
		tr.Close()
		if s := record.String(); strings.Contains(s, "s3cret") || !strings.Contains(s, "> root") {
			t.Errorf("transcript:\n%s", s)
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
			t.Errorf("an open quote: %q, %v", out, err)
		}
		if out, err := s.Run(t.Context(), console.Command{Text: "say 'x'"}); out != "say 'x'" || err != nil {
			t.Errorf("Run = %q, %v", out, err)
		}
		out, err := s.Run(t.Context(), console.Command{Text: "false"})
		if f := classify.Facts(err); f.Kind != classify.ShellExit || !strings.Contains(err.Error(), "the shell: `false` exited 1") || !strings.Contains(f.Console, "sorry") || out != "sorry" {
			t.Errorf("Run(false) = %q, %v", out, err)
		}
	})
}

// Row 24: an address without DHCP. What has ip or only ifconfig, and a board without a link.
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
					t.Errorf("Network = %q, %v of kind %s; want %q, %s", got, err, f.Kind, tt.want, tt.kind)
				}
				all := strings.Join(typed, "\n")
				for _, cmd := range []string{"ip addr add 192.168.7.5/23 dev lan0 2>/dev/null || ifconfig lan0 192.168.7.5 netmask 255.255.254.0", "ip route add default via 192.168.6.1 2>/dev/null || route add default gw 192.168.6.1"} {
					if strings.Contains(all, cmd) != (tt.kind == "") {
						t.Errorf("typed:\n%s\nabout %s", all, cmd)
					}
				}
			})
		})
	}
}

func TestNetwork(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg   string
		reply func(asked int, cmd string) (string, string)
		want  string
		kind  classify.Kind
	}{
		"already up":  {"", func(int, string) (string, string) { return "10.0.2.15\r\n", "0" }, "10.0.2.15", ""},
		"DHCP":        {"", func(n int, cmd string) (string, string) { return map[bool]string{true: "10.0.2.15\r\n"}[n > 1], "0" }, "10.0.2.15", ""},
		"no lease":    {"", func(n int, cmd string) (string, string) { return "", "1" }, "", classify.ShellExit},
		"own command": {"ifup eth0", func(n int, cmd string) (string, string) { return map[bool]string{true: "192.168.1.5\r\n"}[n > 1], "0" }, "192.168.1.5", ""},
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
					t.Errorf("Network = %q, %v of kind %s; want %q, %s", got, err, f.Kind, tt.want, tt.kind)
				}
			})
		})
	}
}

// Row 20: a file goes over the console in lines that the board takes, and is checked there; what arrives changed is
// typed once more.
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
						return fmt.Sprintf("%x  -\r\n", sha256.Sum256([]byte(file))), "0"
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
					t.Errorf("%v of kind %s after %d lines: %q", err, got, lines, file)
				}
				if err := s.Put(t.Context(), "/tmp/f", strings.Repeat("x", MaxPut+1)); classify.Facts(err).Kind != classify.ConsoleText {
					t.Errorf("too large: %v", err)
				}
			})
		})
	}
}

// unescaped is what printf makes of octal escapes.
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
