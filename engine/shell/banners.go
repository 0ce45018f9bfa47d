package shell

import (
	"fmt"
	"slices"

	"github.com/flashlua/flashlua/engine/console"
)

// banners are the bootloaders' banners of a board that was just switched on. The first of each bootloader is
// expected; another one is a reset, which some boards need once after power-on.
type banners map[string]int

// maxEarlyResets is how often a board may reset itself between power-on and Linux.
const maxEarlyResets = 3

// linuxStarts matches the last line of U-Boot and the first of a kernel. Source: Linux, init/main.c and
// arch/arm64/kernel/setup.c.
var linuxStarts = console.Regexp(`(?m)^Starting kernel \.\.\.|Linux version \d+\.\d|Booting Linux on physical CPU`)

// withoutReset returns aborts without console.Reset.
func withoutReset(aborts []console.Abort) []console.Abort {
	return slices.DeleteFunc(slices.Clone(aborts), func(a console.Abort) bool { return a.Name == console.Reset.Name })
}

// countBanner counts the banner that was matched, and notes a reset. After maxEarlyResets, a banner is the error that
// it is elsewhere.
func (e *loginDialogue) countBanner() {
	e.banners[e.matched]++
	n := e.banners[e.matched] - 1
	if n == 0 {
		return
	}
	e.note(fmt.Sprintf("the board reset itself before Linux started, time %d after power-on", n))
	if n == maxEarlyResets {
		e.banners = nil
	}
}
