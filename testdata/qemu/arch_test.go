package qemu

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
)

// TestOtherArchitectures flashes the boards that are not arm64, and resets each while it is flashed again. The attempt
// after a reset is that of TestBoardResetsDuringTheWrite.
func TestOtherArchitectures(t *testing.T) {
	for _, a := range []Arch{ARM, RISCV64, X8664, X86} {
		t.Run(a.Name, func(t *testing.T) {
			r := a.newRig(t, 4<<20)
			r.verified(r.flash(a.policyFile()))
			r.equal()
			r.power("paused")

			for _, at := range []int64{0, 2 << 20, 4<<20 - 1} { // so that the earlier flash does not count
				r.flip(at)
			}
			r.inLinux = true // it is as the flash left it
			again := r.variant(`function board.flash(s, job)
	local sh = s:shell()
	s:step("write", { destroys = job.target }, function() sh:write(job) end)
end`)
			rep := r.run(engine.Engine{Events: onceAt(func() {
				if _, err := r.QMP(context.Background(), "system_reset"); err != nil {
					t.Error(err)
				}
			})}, again, 0)
			if rep.Exit != engine.ExitExhausted || rep.Target.State != engine.Partial || !slices.Equal(failures(rep.Attempts), []classify.Kind{classify.BoardReset}) {
				t.Errorf("run = exit %d, target %s, attempts %+v; want exhausted, partial, one that ended board.reset\n%v", rep.Exit, rep.Target.State, rep.Attempts, rep.Err)
			}
			r.power("paused")
		})
	}
}

// TestOtherUBoots holds what the U-Boots of those boards could differ in: quoting, exit codes, the longest line, a
// boot that fails, a crash.
func TestOtherUBoots(t *testing.T) {
	for _, tt := range []struct {
		arch                Arch
		ram, refuses, crash string // an address, U-Boot's error without a kernel there, a command that crashes it ("": none that says so)
	}{
		{ARM, "44000000", "zimage: Bad magic!", ""},
		{RISCV64, "84000000", "Bad Linux RISCV Image magic", "mw.b 40000000 61"},
		{X8664, "2000000", "Invalid Boot Flag", "mw.w 2000000 0b0f; go 2000000"}, // the U-Boot of X86, too
	} {
		t.Run(tt.arch.Name, func(t *testing.T) {
			r := tt.arch.newRig(t, 1)
			r.drive(func(ctx context.Context, s *engine.Session, p *engine.Policy) error {
				ub, err := toUBoot(ctx, s)
				if err != nil {
					return err
				}
				for _, value := range []string{"it's", `a"b`, `$x ${filesize} $(y)`, `back\slash`, `'\''`, "a;b && c || d", "#x", "  spaces  "} {
					if err := ub.SetEnv(ctx, "x", value); err != nil {
						t.Errorf("SetEnv(%q) = %v; want nil", value, err)
					} else if got, err := ub.Env(ctx, "x"); got != value || err != nil {
						t.Errorf("Env after SetEnv(%q) = %q, %v; want what was set", value, got, err)
					}
				}
				frame := len(ub.Frame("echo "))
				longest := strings.Repeat("a", p.UBoot.Line-frame)
				for cmd, want := range map[string]console.Result{
					"false": {Code: 1},
					"mw.b " + tt.ram + " 61 4; cmp.b " + tt.ram + " " + tt.ram + " 4": {Output: "Total of 4 byte(s) were the same"},
					"if test 1 = 2; then echo a; else echo '=> '; fi":                 {Output: "=> "},
					"echo " + longest: {Output: longest},
				} {
					if got, err := ub.Exec(ctx, console.Command{Text: cmd}); got != want || err != nil {
						t.Errorf("Exec(%q) = %+v, %v; want %+v", cmd, got, err, want)
					}
				}
				if _, err := ub.Exec(ctx, console.Command{Text: "echo a" + longest}); classify.Facts(err).Kind != classify.ConsoleText {
					t.Errorf("Exec of a line that is too long = %v; want console.text", err)
				}
				_, err = s.Boot(ctx, ub, strings.Fields(p.Boot)[0]+" "+tt.ram)
				if f := classify.Facts(err); f.Kind != classify.UBootBoot || !strings.Contains(f.Console, tt.refuses) {
					t.Errorf("Boot without a kernel = %v of kind %s; want uboot.boot and %q\n%s", err, f.Kind, tt.refuses, f.Console)
				}
				if tt.crash == "" {
					return nil
				}
				_, err = ub.Exec(ctx, console.Command{Text: tt.crash})
				if f := classify.Facts(err); f.Kind != classify.BoardPanic {
					t.Errorf("Exec of a crash = %v of kind %s; want board.panic\n%s", err, f.Kind, f.Console)
				}
				return nil
			})
		})
	}
}
