package console

import "github.com/flashlua/flashlua/classify"

// Abort is a text that means failure wherever it appears.
type Abort struct {
	Name    string // of a built-in abort, for Watch.Disable
	Pattern Pattern
	Kind    classify.Kind
	Message string // what it means: "the kernel panicked"
	Hint    string
}

// AbortNames are the names of the built-in aborts, for Watch.Disable.
var AbortNames = []string{Reset.Name, Panic.Name, Crash.Name, Emergency.Name, Off.Name}

// Reset matches a bootloader's banner. While anything else runs, a banner means that the board reset itself.
var Reset = Abort{
	Name:    "reset",
	Pattern: Regexp(`(?m)^U-Boot (?:SPL |TPL )?20\d\d\.\d\d`),
	Kind:    classify.BoardReset,
	Message: "the board reset itself",
	Hint: "look for a watchdog, a brown-out or a crash in the console lines before the banner; " +
		"if the reset is meant, set console.aborts.reset = false in the policy or with --set",
}

// Panic matches the panic of a Linux kernel.
var Panic = Abort{
	Name:    "panic",
	Pattern: Text("Kernel panic - not syncing"),
	Kind:    classify.BoardPanic,
	Message: "the kernel panicked",
	Hint:    "the console lines say why; check that kernel, device tree and boot arguments belong together",
}

// Crash matches the exception messages of U-Boot.
var Crash = Abort{
	Name:    "crash",
	Pattern: Regexp(`(?m)"Synchronous Abort" handler|### ERROR ### Please RESET the board|^(?:data|prefetch) abort\r?$|^undefined instruction\r?$|^Unhandled exception: `),
	Kind:    classify.BoardPanic,
	Message: "U-Boot crashed",
}

// Off matches the last line of a Linux kernel that halted or switched the power off. What init prints before it is
// not the end. Source: Linux, kernel/reboot.c, and arch/arm/kernel/reboot.c for a reset that failed; before Linux
// 3.10 the line had no "reboot: " and ended with a full stop.
var Off = Abort{
	Name: "off",
	Pattern: Regexp(`(?m)(?:^|[]#$>] )(?:reboot: (?:Power down|System halted|Power off not available: System halted instead)|` +
		`(?:Power down|System halted)\.|Reboot failed -- System halted)\r?$`),
	Kind:    classify.BoardOff,
	Message: "the board shut itself down",
	Hint:    "the console lines say what did it; if it is meant, set console.aborts = { off = false } in the policy",
}

// Emergency matches a Linux that stopped before its login and asks for maintenance.
var Emergency = Abort{
	Name:    "emergency",
	Pattern: Regexp(`You are in (?:emergency|rescue) mode|Dropping to a shell!|Give root password for maintenance`),
	Kind:    classify.ShellLogin,
	Message: "Linux did not come up: it is in a maintenance shell",
	Hint:    "the console lines say which unit or device is missing",
}
