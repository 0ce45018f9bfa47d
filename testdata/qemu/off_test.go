package qemu

import (
	"slices"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/engine"
)

// shutdowns ends Linux in every way in which it waits for the power switch, and notes the kind of each error.
const shutdowns = `
function board.flash(s)
	for _, cmd in ipairs({ "poweroff -f", "halt -f" }) do
		s.power:cycle()
		local ub = s:uboot()
		ub:dhcp()
		ub:load()
		local sh = ub:boot()
		local ok, err = pcall(function() return sh:exec(cmd, { timeout = "5m" }) end)
		s:log(string.format("%s: %s %s %s", cmd, ok and "ended" or "failed", err.kind, tostring(err)))
	end
end
`

// TestShutDown holds board.off, and the simulated board's last line, to what a real kernel prints even when its
// console is quiet.
func TestShutDown(t *testing.T) {
	r := newRig(t, 1000)
	policy := r.variant(shutdowns)
	var real, simulated []string
	notes := func(all *[]string) func(engine.Event) {
		return func(e engine.Event) {
			switch {
			case e.Type == engine.EventAttempt: // the one before lost packets
				*all = nil
			case e.Type == engine.EventNote && strings.Contains(e.Text, " -f"):
				*all = append(*all, e.Text)
			}
		}
	}
	r.run(engine.Engine{Events: notes(&real)}, policy, 9)
	r.simulate(engine.Engine{Events: notes(&simulated)}, policy, "size=1")
	if len(real) != 2 || !strings.Contains(real[0], "board.off") || !strings.Contains(real[1], "board.off") || !slices.Equal(real, simulated) {
		t.Errorf("QEMU notes %q; want board.off twice; the simulated board %q", real, simulated)
	}
}
