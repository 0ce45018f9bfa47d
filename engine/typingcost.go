package engine

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/flashlua/flashlua/engine/console"
)

// typed is what is typed in one attempt, at one interpreter.
type typed struct{ lines, bytes int }

// What the default sequence types with two files. TestTypingCost measures it.
var typedInUBoot, typedInLinux = typed{14, 540}, typed{19, 620}

// typingCost returns a line about the time that the pauses of the policy's pacing take in an attempt, "" if there
// are none. A flash of the policy's own may type more or less.
func (p *Policy) typingCost() string {
	of := console.Pacing{Chunk: p.Console.Typing.Chunk, Delay: p.Console.Typing.Delay}
	var parts []string
	var total time.Duration
	for _, x := range []struct {
		name   string
		pacing *console.Pacing
		typed  typed
	}{{"U-Boot", p.UBoot.Pacing, typedInUBoot}, {"Linux", p.Linux.Pacing, typedInLinux}} {
		pacing := *cmp.Or(x.pacing, &of)
		cost := pacing.Cost(x.typed.lines, x.typed.bytes)
		if cost == 0 {
			continue
		}
		unit := "line"
		switch {
		case pacing.Chunk == 1:
			unit = "byte"
		case pacing.Chunk > 1:
			unit = plural(pacing.Chunk, "byte")
		}
		parts, total = append(parts, fmt.Sprintf("%s at %s for each %s in %s", atLeastSeconds(cost), pacing.Delay, unit, x.name)), total+cost
	}
	if total == 0 {
		return ""
	}
	return fmt.Sprintf("typing takes about %s of an attempt: %s", atLeastSeconds(total), strings.Join(parts, ", "))
}

// atLeastSeconds rounds a duration up to whole seconds.
func atLeastSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}
