package uboot

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/flashlua/flashlua/classify"
)

// TestSetup holds that a new prompt sets the variables, and then runs the commands, each of which must succeed.
func TestSetup(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg   func(*Config)
		fails string // the command that exits 1
		typed []string
		err   string
		hint  string
	}{
		"both": {func(c *Config) {
			c.Env, c.Setup = map[string]string{"fdt_high": "0xffffffff", "a": "$b; 'c'"}, []string{"usb start; mii info", "mmc dev 0"}
		}, "", []string{`setenv a '$b; '\''c'\'''`, "setenv fdt_high 0xffffffff", "usb start", "mii info", "mmc dev 0"}, "", ""},
		"a variable": {func(c *Config) {
			c.Env, c.Setup = map[string]string{"ethaddr": "1"}, []string{"usb start"}
		}, "setenv ethaddr 1", []string{"setenv ethaddr 1"}, "uboot.env.ethaddr cannot be set: U-Boot: `setenv ethaddr 1` exited 1", ""},
		"a command": {func(c *Config) {
			c.Setup = []string{"usb start", "mmc dev 9; mmc dev 0"}
		}, "mmc dev 9", []string{"usb start", "mmc dev 9"}, "uboot.setup failed: U-Boot: `mmc dev 9` exited 1", "each of its commands must succeed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var typed []string
				c, b := bench(t, func(cmd string) (string, string) {
					typed = append(typed, cmd)
					if cmd == tt.fails {
						return "", "1"
					}
					return "", "0"
				})
				go b.Serve()
				_, err := Interrupt(t.Context(), c, with(tt.cfg), AnyState, noNote)
				if err == nil != (tt.err == "") || err != nil && err.Error() != tt.err || !strings.Contains(classify.Facts(err).Hint, tt.hint) {
					t.Errorf("Interrupt() = %v, hint %q; want %q, %q", err, classify.Facts(err).Hint, tt.err, tt.hint)
				}
				if !slices.Equal(typed, tt.typed) {
					t.Errorf("typed %q; want %q", typed, tt.typed)
				}
			})
		})
	}
}

func TestCheckOfWhatIsTyped(t *testing.T) {
	long := strings.Repeat("x", Default.Line)
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"a command":            {Default.CheckCommand("usb start; if true; then echo; fi"), ""},
		"two that are short":   {Default.CheckCommand("echo " + long[:300] + "; echo " + long[:300]), ""},
		"a long one":           {Default.CheckCommand("echo " + long), "bytes long when framed"},
		"an open quote":        {Default.CheckCommand("echo 'a"), "cannot type"},
		"two lines":            {Default.CheckCommand("echo a\necho b"), "cannot type"},
		"a variable":           {Default.CheckVariable("serial#", `$x 'a' "b" \`), ""},
		"no name":              {Default.CheckVariable("a=b", "x"), "it contains ="},
		"a long value":         {Default.CheckVariable("a", long), "bytes long when framed"},
		"a value of two lines": {Default.CheckVariable("a", "x\ny"), "cannot type"},
		"without hush":         {with(func(c *Config) { c.Shell = Simple }).CheckVariable("a", `\`), "without hush"},
	} {
		if tt.err == nil != (tt.want == "") || tt.err != nil && !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", name, tt.err, tt.want)
		}
	}
}
