//go:build !linux

package simboard

import (
	"errors"
	"os"
)

// punchHole returns an error: zeros are written instead.
func punchHole(*os.File, int64, int64) error { return errors.ErrUnsupported }
