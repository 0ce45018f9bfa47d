package qemu

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// throttle returns a function that changes a command so that a device is as slow for it as an SD card; the rates
// are in bytes a second. For other processes, which fill and check the medium, the device is fast.
func throttle(b *testing.B, device string, write, read int) (func(*exec.Cmd) *exec.Cmd, error) {
	group, err := slowGroup(b, device, write, read)
	if err != nil {
		return nil, err
	}
	slow := func(cmd *exec.Cmd) *exec.Cmd {
		in := exec.Command("sh", append([]string{"-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, group}, cmd.Args...)...)
		in.Env = cmd.Env
		return in
	}
	return slow, errors.Join(
		bites(slow, write, "if=/dev/zero", "of="+device, "oflag=direct"),
		bites(slow, read, "if="+device, "of=/dev/null", "iflag=direct"))
}

// slowGroup makes a cgroup to which the device is slow, of the kernel's version 2, or else 1.
func slowGroup(b *testing.B, device string, write, read int) (string, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(device, &st); err != nil {
		return "", err
	}
	number := fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	const root = "/sys/fs/cgroup"
	err := set(root+"/cgroup.subtree_control", "+io") // of version 2: a group must enable a controller for its children
	if err == nil {
		var group string
		if group, err = newGroup(b, root, map[string]string{"io.max": fmt.Sprintf("%s rbps=%d wbps=%d", number, read, write)}); err == nil {
			return group, nil
		}
	}
	group, older := newGroup(b, root+"/blkio", map[string]string{
		"blkio.throttle.read_bps_device":  fmt.Sprintf("%s %d", number, read),
		"blkio.throttle.write_bps_device": fmt.Sprintf("%s %d", number, write),
	})
	if older != nil {
		return "", errors.Join(err, older)
	}
	return group, nil
}

// newGroup makes a cgroup below root with these settings.
func newGroup(b *testing.B, root string, settings map[string]string) (string, error) {
	group := filepath.Join(root, "flashlua-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		return "", err
	}
	b.Cleanup(func() { os.Remove(group) })
	for name, value := range settings {
		if err := set(filepath.Join(group, name), value); err != nil {
			return "", err
		}
	}
	return group, nil
}

// set writes to a file that exists. It makes none where the kernel has no such setting.
func set(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// bites checks that the bytes of a second take about a second: a limit that is not in force proves nothing.
func bites(slow func(*exec.Cmd) *exec.Cmd, rate int, dd ...string) error {
	mib := rate >> 20
	took, err := timed(func() error {
		_, err := output(slow(exec.Command("dd", append(dd, "bs=1M", "count="+strconv.Itoa(mib))...)))
		return err
	})
	if err == nil && (took < 0.7 || took > 2) {
		err = fmt.Errorf("the limit is not in force: for dd %s, %d MiB took %.2f s instead of 1 s", strings.Join(dd, " "), mib, took)
	}
	return err
}
