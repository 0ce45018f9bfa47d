package shell

import (
	"net"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

var (
	sync   = regexp.MustCompile(`echo '(\w+)''(\w+):s'\n$`)
	framed = regexp.MustCompile(`echo '(\w+)''(\w+):b'; command eval '(.*)' </dev/null; echo .*:e"\n$`)
)

// board is a Linux at the wire. Each of talk is said when what stands before it was typed.
type board struct {
	net.Conn
	talk  [][2]string
	reply func(cmd string) (output, code string)
	heard string
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
		if m := sync.FindStringSubmatch(b.heard); m != nil {
			b.Write([]byte(m[1] + m[2] + ":s\r\n/root # \x1b[6n"))
		}
		if m := framed.FindStringSubmatch(b.heard); m != nil {
			out, code := "", "0"
			if b.reply != nil {
				out, code = b.reply(strings.ReplaceAll(m[3], `'\''`, "'"))
			}
			b.Write([]byte(m[1] + m[2] + ":b\r\n" + out + m[1] + m[2] + ":" + code + ":e\r\n/root # \x1b[6n"))
			b.heard = ""
		}
	}
}

func login(t *testing.T, cfg Config, b *board) (*Shell, error) {
	wire, port := net.Pipe()
	c := console.New(port, console.Config{})
	t.Cleanup(func() { c.Close(); wire.Close() })
	b.Conn = wire
	go b.serve()
	return Login(t.Context(), c, cfg)
}

func TestLogin(t *testing.T) {
	const kernel = "[    0.000000] Booting Linux # 1\r\n"
	secret := Default
	secret.Password = "s3cret"
	for name, tt := range map[string]struct {
		cfg  Config
		talk [][2]string
		kind classify.Kind
	}{
		"no password":        {Default, [][2]string{{"", kernel + "host login: "}, {"root\n", "root\r\n\r\n/root # \x1b[6n"}}, ""},
		"password":           {secret, [][2]string{{"", kernel + "host login: "}, {"root\n", "root\r\nPassword: "}, {"s3cret\n", "\r\nLast login: Thu\r\n# "}}, ""},
		"a prompt at once":   {Default, [][2]string{{"", kernel + "/ # "}}, ""},
		"press Enter":        {Default, [][2]string{{"", kernel + "Please press Enter to activate this console."}, {"\n", "\r\n/ # "}}, ""},
		"noise at the login": {Default, [][2]string{{"", "host login: [ 5.1] random: crng init done\r\n"}, {"\n", "\r\nhost login: "}, {"root\n", "# "}}, ""},
		"second try":         {Default, [][2]string{{"", "login: "}, {"root\n", "\r\nLogin incorrect\r\nlogin: "}, {"root\n", "# "}}, ""},
		"denied": {secret, [][2]string{
			{"", "login: "},
			{"root\n", "Password: "},
			{"s3cret\n", "\r\nLogin incorrect\r\nlogin: "},
			{"root\n", "Password: "},
			{"s3cret\n", "\r\nLogin incorrect\r\nlogin: "},
			{"root\n", "Password: "},
			{"s3cret\n", "\r\nLogin incorrect\r\nlogin: "},
			{"never", ""},
		}, classify.ShellDenied},
		"panic":    {Default, [][2]string{{"", kernel + "Kernel panic - not syncing: VFS: Unable to mount root fs\r\n"}, {"never", ""}}, classify.BoardPanic},
		"reset":    {Default, [][2]string{{"", kernel + "\r\nU-Boot 2023.01 (Jan 01 2024)\r\n"}, {"never", ""}}, classify.BoardReset},
		"no login": {Default, [][2]string{{"", kernel}, {"never", ""}}, classify.ShellLogin},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				_, err := login(t, tt.cfg, &board{talk: tt.talk})
				if f := classify.Facts(err); f.Kind != tt.kind || tt.kind == "" && err != nil {
					t.Errorf("Login = %v of kind %s; want %s", err, f.Kind, tt.kind)
				}
				if took := time.Since(began); took > Default.Timeout {
					t.Errorf("took %s", took)
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
					if cmd == address {
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
