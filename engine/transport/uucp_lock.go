package transport

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// uucpLock is the path of the lock file that terminal programs look for; "" is no lock.
type uucpLock string

// takeUUCPLock creates the lock file of a device, or returns an error that names its holder. A lock file whose
// process is gone is stale and is removed. If the directory cannot be written to, there is no lock: other programs
// cannot have made one either.
func takeUUCPLock(device string) (uucpLock, error) {
	path := thisMachine.lockFile(device)
	for range 2 {
		err := createLinked(path, fmt.Sprintf("%10d\n", os.Getpid()))
		if err == nil {
			return uucpLock(path), nil
		}
		if !errors.Is(err, os.ErrExist) {
			return "", nil
		}
		if pid := thisMachine.uucpHolder(device); pid != "" {
			return "", errBusy("serial:"+device, thisMachine.process(pid))
		}
		if st, err := os.Lstat(path); err != nil || !st.Mode().IsRegular() || os.Remove(path) != nil { // any user may have put it there
			return "", nil
		}
	}
	return "", nil
}

// createLinked creates a file together with its text: another program would take an empty lock file for stale.
func createLinked(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "LTMP.*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

func (l uucpLock) release() {
	if l != "" {
		os.Remove(string(l))
	}
}
