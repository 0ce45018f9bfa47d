package hold

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/flashlua/flashlua/classify"
)

// FolderVariable is the environment variable that names the folder of the locks.
const FolderVariable = "FLASHLUA_LOCKS"

// Folder returns the folder of the locks: the one that the environment names, else one that every user can write to
// and in which no user can remove the files of another. The choice is the same for all users.
func Folder(getenv func(string) string) string {
	if dir := getenv(FolderVariable); dir != "" {
		return dir
	}
	const usual = "/run/lock"
	if st, err := os.Stat(usual); err == nil && st.IsDir() && st.Mode().Perm()&0o002 != 0 && st.Mode()&fs.ModeSticky != 0 {
		return usual
	}
	return "/tmp"
}

// checkFolder returns an error if dir is no folder for locks.
func checkFolder(dir string) error {
	if !filepath.IsAbs(dir) { // jobs with different working directories would not see each other
		return classify.WithHint(classify.New(classify.StationLock, "the folder of the locks, %q, is not an absolute path", dir),
			"name it from / on in %s, the same for all users", FolderVariable)
	}
	st, err := os.Stat(dir)
	switch {
	case err != nil:
	case !st.IsDir():
		err = syscall.ENOTDIR
	case st.Mode().Perm()&0o022 != 0 && st.Mode()&fs.ModeSticky == 0:
		return classify.WithHint(classify.New(classify.StationLock, "the folder of the locks, %s, lets users remove the locks of others", dir),
			"run chmod +t %s, or name another folder in %s", dir, FolderVariable)
	}
	return folderError(err, dir)
}

// folderError returns the error of a folder in which no file can be locked, nil for nil.
func folderError(err error, dir string) error {
	if err == nil {
		return nil
	}
	return classify.WithHint(classify.Wrap(err, classify.StationLock, "the folder of the locks, %s, cannot be used", dir),
		"make it a folder that all users of the station can write to, of mode 1777, with free space; or name another one in %s, the same for all users", FolderVariable)
}

// path returns the lock file of a name. Files of all names are in one folder, with those of others.
func (l Locks) path(name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(l.Dir, "flashlua-hold-"+hex.EncodeToString(sum[:10]))
}
