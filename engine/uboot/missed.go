package uboot

import (
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// abortMissed matches the start of a kernel, which means that autoboot was not stopped.
func (s *stopper) abortMissed() console.Abort {
	return console.Abort{
		Pattern: kernelStarts,
		Kind:    classify.UBootAutoboot,
		Message: "autoboot was not stopped: the board starts its kernel",
		Hint:    s.missedHint(),
	}
}

// missedHint returns what to check after autoboot was not stopped, from what the board has shown.
func (s *stopper) missedHint() string {
	const keys = "check uboot.autoboot, the text that asks for a key, and uboot.keys and uboot.password in the policy against the console lines"
	switch {
	case s.cfg.Autoboot == "" && s.cfg.Keys == "" && s.cfg.Password == "":
		return "nothing was typed, because uboot.autoboot, uboot.keys and uboot.password are empty: set uboot.keys in the policy"
	case s.cfg.Autoboot == "":
		return "the keys came too late, or are the wrong ones: check uboot.keys, uboot.every and uboot.password in the policy"
	case s.asked || s.booted:
		return keys
	}
	return "nothing came from the console before the board had booted. If the console needs time to connect, set console.ready in the policy to a text " +
		"that it prints then; if U-Boot prints nothing before its prompt, set uboot.autoboot = \"\" to type uboot.keys from power-on"
}

// timeoutError returns the error of a board that did not come to its prompt in time.
func (s *stopper) timeoutError() error {
	err := s.Fail(classify.New(classify.UBootAutoboot, "U-Boot's prompt %q did not appear within %s", strings.Join(s.cfg.Prompts, `" or "`), s.cfg.Timeout))
	return classify.WithHint(err, "%s", s.timeoutHint())
}

func (s *stopper) timeoutHint() string {
	switch {
	case s.Gaps() > s.gaps:
		return "the console port was away meanwhile, and what U-Boot asked then is lost: check the adapter, its cable and its power"
	case s.Received() == s.came:
		return "nothing came from the console: check the board's power, the cable and the baud rate. If the console needs time to connect, " +
			"set console.ready in the policy; if U-Boot prints nothing before its prompt, set uboot.autoboot = \"\""
	case s.asked || s.booted:
		return "check that the board powers on and that uboot.prompt, uboot.autoboot and uboot.keys are right"
	case s.state == JustReset:
		return s.missedHint()
	}
	return "check that the board powers on and that uboot.prompt, uboot.autoboot and uboot.keys are right"
}
