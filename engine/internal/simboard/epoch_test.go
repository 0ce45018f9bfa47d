package simboard

import (
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/shell"
)

// TestAResetBetweenCommands: the first command after it reports the reset and types nothing; later ones are stale.
func TestAResetBetweenCommands(t *testing.T) {
	inLinux(t, func(t *testing.T, b *bench, sh *shell.Shell) {
		if err := b.On(t.Context()); err != nil { // as a watchdog does it
			t.Fatal(err)
		}
		if _, err := b.con.Expect(t.Context(), console.Wait{For: []console.Pattern{console.Text("autoboot")}, Timeout: time.Minute}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []classify.Kind{classify.BoardReset, classify.ScriptStale, classify.ScriptStale} {
			_, err := sh.Run(t.Context(), console.Command{Text: "echo never-typed"})
			if got := classify.Facts(err).Kind; got != want {
				t.Errorf("after a reset: %v; want %s", err, want)
			}
		}
		if strings.Contains(b.con.Tail(), "never-typed") {
			t.Errorf("the command was typed:\n%s", b.con.Tail())
		}
	})
}

// TestABannerThatIsOutput: U-Boot's version, and a file with a banner in it, are no reset.
func TestABannerThatIsOutput(t *testing.T) {
	onBench(t, "", func(t *testing.T, b *bench) {
		for range 2 {
			if out, err := b.ub.Run(t.Context(), console.Command{Text: "version"}); err != nil || !strings.Contains(out, "U-Boot 20") {
				t.Fatalf("version = %q, %v", out, err)
			}
		}
		sh := b.boot(t)
		for range 2 {
			if out, _ := answer(t, sh, "printf 'x\\nU-Boot 2024.01 (y)\\n'"); !strings.Contains(out, "U-Boot 2024.01") {
				t.Fatalf("printf = %q", out)
			}
		}
	})
}
