package console

import "github.com/flashlua/flashlua/classify"

// Reset matches a bootloader's banner: whoever sees one while something else runs has a board that reset itself.
var Reset = Abort{
	Pattern: Regexp(`(?m)^U-Boot (?:SPL |TPL )?20\d\d\.\d\d`),
	Kind:    classify.BoardReset,
	Says:    "the board reset itself",
	Hint:    "look for a watchdog, a brown-out or a crash in the console lines before the banner",
}

// Panic matches a Linux kernel that gave up.
var Panic = Abort{
	Pattern: Text("Kernel panic - not syncing"),
	Kind:    classify.BoardPanic,
	Says:    "the kernel panicked",
	Hint:    "the console lines say why; check that kernel, device tree and boot arguments belong together",
}

// Crash matches a U-Boot that gave up.
var Crash = Abort{
	Pattern: Regexp(`"Synchronous Abort" handler|### ERROR ### Please RESET the board`),
	Kind:    classify.BoardPanic,
	Says:    "U-Boot crashed",
}
