//go:build !linux

package transport

import "errors"

// unreadBytes always fails: only Linux reports it for the writing end of a pipe.
func unreadBytes(int) (int, error) { return 0, errors.ErrUnsupported }
