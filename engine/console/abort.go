package console

import (
	"slices"

	"github.com/flashlua/flashlua/classify"
)

// Watch changes which texts mean failure, for as long as it is armed.
type Watch struct {
	Add     []Abort  // armed wherever the built-in ones are
	Disable []string // names of built-in ones that mean nothing on this board, or now
}

// PushAborts adds to what is watched for until disarm is called, the last one first.
func (c *Console) PushAborts(w Watch) (disarm func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.watches)
	c.watches = append(c.watches, w)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.watches = c.watches[:n]
	}
}

// activeAborts gives what all watches make of a wait's own aborts. A wait without any is a look around, and stays one.
func (c *Console) activeAborts(own []Abort) []Abort {
	if len(own) == 0 {
		return nil
	}
	all := slices.Clone(own)
	for _, w := range c.watches {
		all = slices.DeleteFunc(all, func(a Abort) bool { return a.Name != "" && slices.Contains(w.Disable, a.Name) })
		all = append(all, w.Add...)
	}
	return all
}

// AbortNames are the names that Watch.Not may have.
var AbortNames = []string{Reset.Name, Panic.Name, Crash.Name, Emergency.Name, Off.Name}

// Reset matches a bootloader's banner: whoever sees one while something else runs has a board that reset itself.
var Reset = Abort{
	Name:    "reset",
	Pattern: Regexp(`(?m)^U-Boot (?:SPL |TPL )?20\d\d\.\d\d`),
	Kind:    classify.BoardReset,
	Message: "the board reset itself",
	Hint:    "look for a watchdog, a brown-out or a crash in the console lines before the banner",
}

// Panic matches a Linux kernel that gave up.
var Panic = Abort{
	Name:    "panic",
	Pattern: Text("Kernel panic - not syncing"),
	Kind:    classify.BoardPanic,
	Message: "the kernel panicked",
	Hint:    "the console lines say why; check that kernel, device tree and boot arguments belong together",
}

// Crash matches a U-Boot that gave up.
var Crash = Abort{
	Name:    "crash",
	Pattern: Regexp(`(?m)"Synchronous Abort" handler|### ERROR ### Please RESET the board|^(?:data|prefetch) abort\r?$|^undefined instruction\r?$|^Unhandled exception: `),
	Kind:    classify.BoardPanic,
	Message: "U-Boot crashed",
}

// Off matches what a Linux kernel prints at last: it stands still, or the power is off. What init says before it is not the
// end. Source: Linux, kernel/reboot.c, and arch/arm/kernel/reboot.c for a reset that did not come; before Linux 3.10 there
// was no "reboot: " and a full stop.
var Off = Abort{
	Name: "off",
	Pattern: Regexp(`(?m)(?:^|[]#$>] )(?:reboot: (?:Power down|System halted|Power off not available: System halted instead)|` +
		`(?:Power down|System halted)\.|Reboot failed -- System halted)\r?$`),
	Kind:    classify.BoardOff,
	Message: "the board shut itself down",
	Hint:    "the console lines say what did it; if it is meant, set console.aborts = { off = false } in the policy",
}

// Emergency matches a Linux that gave up on its way to the login.
var Emergency = Abort{
	Name:    "emergency",
	Pattern: Regexp(`You are in (?:emergency|rescue) mode|Dropping to a shell!|Give root password for maintenance`),
	Kind:    classify.ShellLogin,
	Message: "Linux did not come up: it asks for a person",
	Hint:    "the console lines say which unit or device is missing",
}
