package labgrid

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/input"
)

// claim keeps other processes of this machine off a place. A coordinator does not distinguish two processes of one
// user on one machine: the second one would use the place of the first, which releases it when it ends. The kernel
// releases the lock of the file when the process ends. The file says which acquisition is the process's own, so
// that the place of a process that was killed can be released by the next one.
type claim struct{ f *os.File }

// maxClaim is how much of the file of a claim is read, in bytes.
const maxClaim = 300

// claimDir returns the directory of the claims, which all users of the machine share.
func claimDir() string {
	const usual = "/run/lock"
	if st, err := os.Stat(usual); err == nil && st.IsDir() && unix.Access(usual, unix.W_OK) == nil {
		return usual
	}
	return "/tmp"
}

// claimPlace claims a place of a coordinator for a user. holder is the process that has it, and not empty if there
// is one.
func claimPlace(dir, coordinator, identity, name string) (c *claim, holder string, err error) {
	sum := sha256.Sum256([]byte(strings.Join([]string{coordinator, identity, name}, "\n")))
	path := filepath.Join(dir, "flashlua-labgrid-"+hex.EncodeToString(sum[:8]))
	// Another user's file in a sticky directory must not be opened with O_CREATE, see fs.protected_regular.
	f, err := input.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		f, err = input.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o666)
	}
	if err != nil {
		return nil, "", classify.WithHint(classify.Wrap(err, classify.LabgridPlace, "cannot claim the labgrid place %s: %s is in the way", name, path),
			"remove %s: flashlua keeps a plain file there", path)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder := input.Line(f, maxClaim)
		f.Close()
		return nil, cmp.Or(holder, "another process"), nil
	}
	f.Chmod(0o666) // regardless of the umask: the user may have several accounts
	return &claim{f}, "", nil
}

// acquisition returns the note of the last process about the place that it acquired, "" if it has released it.
func (c *claim) acquisition() string {
	b := make([]byte, maxClaim)
	n, _ := c.f.ReadAt(b, 0)
	_, note, _ := strings.Cut(string(b[:n]), "\n")
	return strings.TrimSpace(note)
}

// write replaces the content of the file: the process that has the claim, and the note about its acquisition.
func (c *claim) write(note string) error {
	text := fmt.Sprintf("process %d\n%s\n", os.Getpid(), note)
	_, err := c.f.WriteAt([]byte(text), 0)
	return cmp.Or(err, c.f.Truncate(int64(len(text))))
}

// release releases the claim and leaves the file: if it were removed, two processes could each lock a file of that
// name.
func (c *claim) release() { c.f.Close() }

// acquisitionNote identifies one acquisition of a place: the coordinator changes the time when a place is
// acquired.
func acquisitionNote(p *place) string { return fmt.Sprintf("acquired %.6f", p.changed) }
