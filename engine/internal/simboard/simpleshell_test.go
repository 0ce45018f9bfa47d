package simboard

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/uboot"
)

// TestSplitSimple uses lines that U-Boot 2023.01 without hush was given in QEMU.
func TestSplitSimple(t *testing.T) {
	for text, want := range map[string][]string{
		"a;b":         {"a", "b"},
		"a 'x;y';b":   {"a 'x;y'", "b"},
		`a \;b`:       {`a \;b`},
		`a it\'s;b`:   {`a it\'s`, "b"},
		"setenv x a;": {"setenv x a", ""},
	} {
		if got := splitSimple(text); !slices.Equal(got, want) {
			t.Errorf("splitSimple(%q) = %q; want %q", text, got, want)
		}
	}
}

// TestExpandSimple uses values that U-Boot 2023.01 without hush printed in QEMU.
func TestExpandSimple(t *testing.T) {
	u := &bootloader{env: map[string]string{"n": "v"}}
	for text, want := range map[string]string{
		`'it'\''s' '$x;y'`:    "it's $x;y",
		`'q#$(x)"w'`:          `q#$(x)"w`,
		`${n} $(n) $n '${n}'`: "v v $n ${n}",
		`\\a`:                 `\a`,
		`\${n}`:               "${n}",
		"$?":                  "$?",
	} {
		if got := u.expandSimple(text); got != want {
			t.Errorf("expandSimple(%q) = %q; want %q", text, got, want)
		}
	}
}

// atSimplePrompt runs f with a U-Boot that has the shell.
func atSimplePrompt(t *testing.T, settings string, f func(t *testing.T, ub *uboot.UBoot)) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{Dir: t.TempDir(), Network: &Wire{}, Size: 4 << 20}
		if err := Parse(settings, &cfg); err != nil {
			t.Fatal(err)
		}
		board, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer board.Close()
		con := console.New(plugged(t, board), console.Config{})
		defer con.Close()
		if err := board.On(t.Context()); err != nil {
			t.Fatal(err)
		}
		config := uboot.Default
		config.Shell = uboot.Simple
		ub, err := uboot.Interrupt(t.Context(), con, config, uboot.JustReset, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		f(t, ub)
	})
}

// TestSimpleShell runs commands at U-Boots with and without hush, with and without echo, and on bad lines.
func TestSimpleShell(t *testing.T) {
	for _, settings := range []string{"shell=hush", "shell=simple", "shell=bare", "shell=bare,echo=off", "shell=bare,first=1,seed=3", "shell=simple,torn=1,delay=0.2%"} {
		t.Run(settings, func(t *testing.T) {
			atSimplePrompt(t, settings, func(t *testing.T, ub *uboot.UBoot) {
				for cmd, want := range map[string]console.Result{
					"version":               {Output: "U-Boot 2023.01 (simulated by flashlua)\n\ngcc and GNU ld have no part in it"},
					"bogus":                 {Output: "Unknown command 'bogus' - try 'help'", Code: 1},
					"printenv nope":         {Output: `## Error: "nope" not defined`, Code: 1},
					"crc32":                 {Output: "crc32 - checksum calculation\n\nUsage:\ncrc32 - checksum calculation", Code: 1},
					"printenv arch;sleep 3": {Output: "arch=arm"},
				} {
					res, err := ub.Exec(t.Context(), console.Command{Text: cmd})
					if err != nil || res.Output != want.Output || res.Code != want.Code {
						t.Errorf("Exec(%s) = %q, %d, %v; want %q, %d", cmd, res.Output, res.Code, err, want.Output, want.Code)
					}
				}
				for _, value := range []string{"plain", "it's $x;y ${z} \"q\" #h", "", "a,b=c:d"} {
					if err := ub.SetEnv(t.Context(), "v", value); err != nil {
						t.Errorf("SetEnv(v, %q) = %v; want nil", value, err)
					}
					if got, err := ub.Env(t.Context(), "v"); err != nil || got != value {
						t.Errorf("Env(v) = %q, %v; want %q", got, err, value)
					}
				}
				for _, name := range []string{"serial#", "#", "it's", "a;b", "$x", "${x}", `"q"`, "a&&b", "a|b", "*?[x]", ".hidden", "eth1addr:1", "a,b+c@d%e", "~!^(){}<>`"} {
					if err := ub.SetEnv(t.Context(), name, "some value"); err != nil {
						t.Errorf("SetEnv(%q) = %v; want nil", name, err)
					}
					if got, err := ub.Env(t.Context(), name); err != nil || got != "some value" {
						t.Errorf("Env(%q) = %q, %v; want %q", name, got, err, "some value")
					}
				}
			})
		})
	}
}

// TestSimpleShellRefuses: what such a shell would change is not typed, and what it changes is noticed.
func TestSimpleShellRefuses(t *testing.T) {
	atSimplePrompt(t, "shell=simple", func(t *testing.T, ub *uboot.UBoot) {
		for _, value := range []string{`back\slash`, "two  blanks", " leading", "a\ttab"} {
			err := ub.SetEnv(t.Context(), "v", value)
			if classify.Facts(err).Kind != classify.ConsoleText {
				t.Errorf("SetEnv(v, %q) = %v; want an error of kind %s", value, err, classify.ConsoleText)
			}
		}
		long := strings.TrimSpace(strings.Repeat("w ", maxArgs))
		if err := ub.SetEnv(t.Context(), "v", long); classify.Facts(err).Kind != classify.UBootExit {
			t.Errorf("SetEnv of %d words = %v; want an error of kind %s", maxArgs, err, classify.UBootExit)
		}
		for _, cmd := range []string{"echo 'open", `echo \`, "two\nlines"} {
			if _, err := ub.Exec(t.Context(), console.Command{Text: cmd}); classify.Facts(err).Kind != classify.ConsoleText {
				t.Errorf("Exec(%q) = %v; want an error of kind %s", cmd, err, classify.ConsoleText)
			}
		}
	})
}

// TestLackingShell: a U-Boot without hush is known for what it is.
func TestLackingShell(t *testing.T) {
	for _, settings := range []string{"shell=simple", "shell=bare"} {
		synctest.Test(t, func(t *testing.T) {
			cfg := Config{Dir: t.TempDir(), Network: &Wire{}, Size: 4 << 20}
			if err := Parse(settings, &cfg); err != nil {
				t.Fatal(err)
			}
			board, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer board.Close()
			con := console.New(plugged(t, board), console.Config{})
			defer con.Close()
			board.On(t.Context())
			ub, err := uboot.Interrupt(t.Context(), con, uboot.Default, uboot.JustReset, func(string) {})
			if err == nil {
				_, err = ub.Run(t.Context(), console.Command{Text: "version"})
			}
			if f := classify.Facts(err); f.Kind != classify.UBootShell || f.Class != classify.Fatal || !strings.Contains(f.Hint, `uboot.shell = "simple"`) {
				t.Errorf("%s: Run(version) = %v, %+v; want a fatal error of kind %s that names uboot.shell", settings, err, f, classify.UBootShell)
			}
		})
	}
}
