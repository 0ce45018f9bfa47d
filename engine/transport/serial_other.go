//go:build !linux

package transport

import (
	"errors"
	"runtime"

	"github.com/flashlua/flashlua/classify"
)

// checkSerialSupport returns an error: the serial port's ioctls are implemented for Linux alone.
func checkSerialSupport() error {
	return classify.WithHint(classify.New(classify.Usage, "serial ports need Linux, this system is %s", runtime.GOOS),
		"use a console port of the network, tcp:, telnet: or rfc2217:, or a command, exec:")
}

func isTerminal(int) bool                 { return false }
func isExclusive(int) bool                { return false }
func clearExclusive(int)                  {}
func configureTerminal(int, string) error { return errors.ErrUnsupported }
