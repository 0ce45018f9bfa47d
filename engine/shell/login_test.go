package shell

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/consoletest"
)

// TestLostNames: only words, or a name that the board has shown, refuse a login. Any other name is typed again.
func TestLostNames(t *testing.T) {
	again := func(n int, steps ...[2]string) (talk [][2]string) {
		for range n {
			talk = append(talk, steps...)
		}
		return talk
	}
	for name, tt := range map[string]struct {
		talk  [][2]string
		after [][2]string
		kind  classify.Kind
		text  string
	}{
		"thrown away, with Enter":      {again(5, [2]string{"root\n", "\r\nmill login: "}), [][2]string{{"root\n", "root\r\n# "}}, "", ""},
		"thrown away, Enter as well":   {[][2]string{{"root\n", ""}, {"\n", "\r\nmill login: "}}, [][2]string{{"root\n", "root\r\n# "}}, "", ""},
		"a part of it, then refused":   {again(4, [2]string{"root\n", "oot\r\nPassword: "}, [2]string{"s3cret\n", "\r\nLogin incorrect\r\nmill login: "}), [][2]string{{"root\n", "root\r\nPassword: "}, {"s3cret\n", "\r\n# "}}, "", ""},
		"timed out":                    {again(4, [2]string{"root\n", "root\r\nPassword: "}, [2]string{"s3cret\n", "\r\nLogin timed out after 60 seconds.\r\n\r\nmill login: "}), [][2]string{{"root\n", "root\r\nPassword: "}, {"s3cret\n", "\r\n# "}}, "", ""},
		"nothing is ever shown":        {nil, nil, classify.ShellLogin, "shows nothing of what is typed"},
		"only prompts are ever shown":  {again(9, [2]string{"root\n", "\r\nmill login: "}), nil, classify.ShellLogin, "shows nothing of what is typed"},
		"always another name is shown": {again(9, [2]string{"root\n", "rot\r\nmill login: "}), nil, classify.ShellLogin, `shows "rot" where "root" was typed`},
		"shown, and a prompt":          {again(3, [2]string{"root\n", "root\r\n\r\nmill login: "}), nil, classify.ShellLoginDenied, "does not let"},
		"a locked account":             {again(3, [2]string{"root\n", "root\r\nThe account is locked due to 3 failed logins.\r\nmill login: "}), nil, classify.ShellLoginDenied, "does not let"},
		"refused, and nothing shown":   {again(3, [2]string{"root\n", "\r\nlogin: Cannot possibly work without effective root\r\nmill login: "}), nil, classify.ShellLoginDenied, "does not let"},
		"a new password":               {[][2]string{{"root\n", "root\r\nPassword: "}, {"s3cret\n", "\r\nYou are required to change your password immediately.\r\nCurrent password: "}}, nil, classify.ShellLoginDenied, "a new password"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				talk := append([][2]string{{"", "mill login: "}}, tt.talk...)
				if talk = append(talk, tt.after...); tt.kind != "" {
					talk = append(talk, [2]string{"never", ""})
				}
				_, err := login(t, with(func(c *Config) { c.Password = "s3cret" }), &board{talk: talk})
				f := classify.Facts(err)
				if f.Kind != tt.kind || err != nil && !strings.Contains(err.Error(), tt.text) || tt.kind == "" && err != nil {
					t.Errorf("Login() = %v of kind %q; want kind %q, text %q", err, f.Kind, tt.kind, tt.text)
				}
			})
		})
	}
}

// TestPromptsInNoise: a prompt that other text followed is tried with Enter, however long the noise goes on.
func TestPromptsInNoise(t *testing.T) {
	for name, every := range map[string]time.Duration{"now and then": 4 * time.Second, "all the time": 20 * time.Millisecond} {
		for prompt, after := range map[string]string{"mill login: ": "root\n", "root@mill:~# ": ""} {
			t.Run(name+", "+prompt, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					port, wire := consoletest.NewBoard(t)
					c := console.New(port, console.Config{})
					defer c.Close()
					go func() {
						stop := make(chan struct{})
						go func() {
							for {
								select {
								case <-stop:
									return
								case <-time.After(every):
									wire.Say("wifi: scanning\r\n")
								}
							}
						}()
						wire.Say(prompt + "wifi: up\r\n")
						wire.Until("\n")
						wire.Say("\r\n" + prompt)
						wire.Until(after)
						close(stop)
						(&board{}).serve(wire)
					}()
					began := time.Now()
					cfg := with(func(c *Config) { c.Timeout = time.Minute })
					_, err := Login(t.Context(), c, cfg, Booting, nil)
					if took := time.Since(began); err != nil || took > 30*time.Second {
						t.Errorf("Login() = %v after %s; want nil within 30s", err, took)
					}
				})
			})
		}
	}
}

// TestPoweredOn: after a power switch, a bootloader's banners are expected until Linux starts.
func TestPoweredOn(t *testing.T) {
	const uboot = "\r\nU-Boot SPL 2022.10 (x)\r\n\r\nU-Boot 2022.10 (x)\r\n\r\n"
	const linux = "Starting kernel ...\r\n[    0.000000] Linux version 6.1.0\r\n"
	for name, tt := range map[string]struct {
		says  string
		kind  classify.Kind
		notes int
	}{
		"one boot":               {uboot + linux + "login: ", "", 0},
		"a reset before Linux":   {uboot + uboot + linux + "login: ", "", 2},
		"resets without end":     {strings.Repeat(uboot, 9), classify.BoardReset, 2 * maxEarlyResets},
		"a reset in Linux":       {uboot + linux + uboot, classify.BoardReset, 0},
		"a panic before a reset": {uboot + linux + "Kernel panic - not syncing: x\r\n" + uboot, classify.BoardPanic, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				notes := 0
				talk := [][2]string{{"", tt.says}, {"root\n", "root\r\n# "}}
				if tt.kind != "" {
					talk[1] = [2]string{"never", ""}
				}
				_, err := loginIn(t, Default, PoweredOn, func(string) { notes++ }, &board{talk: talk})
				if f := classify.Facts(err); f.Kind != tt.kind || notes > tt.notes || (notes > 0) != (tt.notes > 0) || tt.kind == "" && err != nil {
					t.Errorf("Login() = %v of kind %q, %d notes; want kind %q, %d notes", err, f.Kind, notes, tt.kind, tt.notes)
				}
			})
		})
	}
}

// TestLease: an address that udhcpc has leased and not set is set; the error of a board where that fails says so.
func TestLease(t *testing.T) {
	for name, tt := range map[string]struct {
		lease string
		works bool
	}{
		"busybox 1.35":     {"udhcpc: lease of 10.9.8.7 obtained from 10.9.8.1, lease time 3600\r\n", true},
		"busybox 1.20":     {"Lease of 10.9.8.7 obtained, lease time 3600\r\n", true},
		"it cannot be set": {"udhcpc: lease of 10.9.8.7 obtained from 10.9.8.1, lease time 3600\r\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file, set := "", false
				s, err := login(t, Default, &board{talk: [][2]string{{"", "# "}}, reply: func(cmd string) (string, string) {
					text, isChunk := strings.CutPrefix(cmd, "printf '")
					switch {
					case isChunk:
						text, _, _ = strings.Cut(text, "' >>")
						file += unescaped(text)
					case strings.HasPrefix(cmd, "sha256sum"):
						return sumOf(file) + "  -\r\n", "0"
					case cmd == dhcpCmd:
						return tt.lease, "0"
					case cmd == leaseCmd:
						set = tt.works
					case cmd == addressCmd && set:
						return inet("10.9.8.7/24"), "0"
					}
					return "", "0"
				}})
				if err != nil {
					t.Fatal(err)
				}
				got, err := s.Network(t.Context())
				f := classify.Facts(err)
				if tt.works && (got != "10.9.8.7" || err != nil || file != leaseScript) {
					t.Errorf("Network() = %q, %v with the script %q; want 10.9.8.7", got, err, file)
				}
				if !tt.works && (f.Kind != classify.NetDHCP || !strings.Contains(err.Error(), "got the lease of 10.9.8.7 and set no address") || !strings.Contains(f.Hint, "ipconfig -t 20 all")) {
					t.Errorf("Network() = %v of kind %q, hint %q; want kind %s that names the lease and ipconfig", err, f.Kind, f.Hint, classify.NetDHCP)
				}
			})
		})
	}
}
