//go:build !linux

package image

import "errors"

// openUnnamed always fails: only Linux has files without a name that can be linked to one later. Without them the cache
// stores no new entries.
func openUnnamed(string) (fd int, err error) { return -1, errors.ErrUnsupported }
