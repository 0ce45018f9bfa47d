package qemu

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
)

// random is a text of characters that shells act upon.
func random(seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 0))
	const all = "ab '\"\\$;&|#`(){}<>=*?!~%^[]\\'\"$"
	text := make([]byte, 40)
	for i := range text {
		text[i] = all[r.IntN(len(all))]
	}
	return strings.TrimSpace(string(text))
}

// TestUBoot talks to a real U-Boot: quoting, exit codes, output that looks like prompts.
func TestUBoot(t *testing.T) {
	r := newRig(t, 1000)
	r.drive(func(ctx context.Context, s *engine.Session, _ *engine.Policy) error {
		ub, err := toUBoot(ctx, s)
		if err != nil {
			return err
		}
		for _, value := range []string{
			"plain", "it's", `a"b`, `$x ${filesize} $(y)`, `back\slash`, `\\two`, `\`, `'`, `''`, `\'`, `'\''`, "a;b && c || d", "#x", "  spaces  ", "a=b", "%d %s", "*?[]", "~", "!1",
			strings.Repeat("long ", 60), random(1), random(2), random(3), random(4), random(5), random(6),
		} {
			if err := ub.SetEnv(ctx, "x", value); err != nil {
				t.Errorf("SetEnv(%q) = %v; want nil", value, err)
				continue
			}
			if got, err := ub.Env(ctx, "x"); got != value || err != nil {
				t.Errorf("Env after SetEnv(%q) = %q, %v; want what was set", value, got, err)
			}
		}
		for _, name := range []string{"mine#", "#", "it's", `a\b`, "a;b", "$x", "${x}", `"q"`, "a&&b", "a|b", "*?[x]", ".hidden", "a:1", "a,b+c@d%e", "~!^(){}<>`"} {
			if err := ub.SetEnv(ctx, name, "some value"); err != nil {
				t.Errorf("SetEnv(%q) = %v; want nil", name, err)
				continue
			}
			if got, err := ub.Env(ctx, name); got != "some value" || err != nil {
				t.Errorf("Env(%q) = %q, %v; want %q", name, got, err, "some value")
			}
		}
		for cmd, want := range map[string]console.Result{
			"true":                                 {},
			"false":                                {Code: 1},
			"nosuchcmd":                            {Output: "Unknown command 'nosuchcmd' - try 'help'", Code: 1},
			"echo one; echo two":                   {Output: "one\ntwo"},
			"virtio scan":                          {},
			"usb start":                            {Output: "starting USB...\nNo working controllers found"},
			"echo '=> '; echo '# '":                {Output: "=> \n# "},
			"mw.b 40000000 61 4; crc32 40000000 4": {Output: "crc32 for 40000000 ... 40000003 ==> ad98e545"},
			"if test 1 = 2; then echo a; else echo b; fi": {Output: "b"},
		} {
			if got, err := ub.Exec(ctx, console.Command{Text: cmd}); got != want || err != nil {
				t.Errorf("Exec(%q) = %+v, %v; want %+v", cmd, got, err, want)
			}
		}
		if v, err := ub.Env(ctx, "no_such_variable"); v != "" || err != nil {
			t.Errorf("Env of an unset variable = %q, %v; want none", v, err)
		}
		if _, err := ub.Run(ctx, console.Command{Text: "reset"}); classify.Facts(err).Kind != classify.BoardReset {
			t.Errorf("Run(reset) = %v; want board.reset", err)
		}
		// Again, from the state that the reset left.
		ub, err = s.UBoot(ctx)
		if err != nil {
			return err
		}
		_, err = ub.Run(ctx, console.Command{Text: "booti 0x40400000 - ${fdtcontroladdr}"})
		if classify.Facts(err).Kind != classify.UBootExit {
			t.Errorf("Run of a boot without a kernel = %v; want uboot.exit", err)
		}
		_, err = s.Boot(ctx, ub, "booti 0x40400000 - ${fdtcontroladdr}")
		if f := classify.Facts(err); f.Kind != classify.UBootBoot || !strings.Contains(f.Console, "Bad Linux ARM64 Image magic") {
			t.Errorf("Boot without a kernel = %v of kind %s; want uboot.boot\n%s", err, f.Kind, f.Console)
		}
		return nil
	})
}
