//go:build !linux && !darwin

package engine

import (
	"runtime"

	"github.com/flashlua/flashlua/classify"
)

// descriptorPath returns an error: the path of an open file is known on Linux and macOS alone. So a program is
// allowed no file.
func descriptorPath(uintptr) (string, error) {
	return "", classify.WithHint(classify.New(classify.Usage, "the path of an open file cannot be found on %s", runtime.GOOS),
		"run flashlua on Linux or macOS, or a policy instead of a program")
}
