//go:build !linux

package flash

import (
	"errors"
	"os"
	"runtime"

	"github.com/flashlua/flashlua/classify"
)

// checkWriteSupport returns an error. Without O_DIRECT and sysfs it is unknown what a device is used for, and whether
// what is read back comes from the medium.
func checkWriteSupport() error {
	return classify.WithHint(classify.New(classify.Usage, "writing a medium of this machine needs Linux, this system is %s", runtime.GOOS),
		"run flashlua write on a Linux host, or flash the medium through its board")
}

const directFlag = 0

func isReadOnly(*os.File) bool               { return true }
func sectorSize(*os.File) (int64, error)     { return 0, errors.ErrUnsupported }
func punchHole(*os.File, int64, int64) error { return errors.ErrUnsupported }
func zeroOut(*os.File, int64, int64) error   { return errors.ErrUnsupported }
func dropCached(*os.File, int64, int64)      {}
