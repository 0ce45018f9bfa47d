package qemu

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/engine"
)

// TestTFTPServerThatIsThere boots the board from Debian's tftpd, which is given a socket as inetd would.
func TestTFTPServerThatIsThere(t *testing.T) {
	r := newRig(t, 100_001)
	var program string
	for _, dir := range []string{"/usr/sbin", filepath.Join(sourceDir(), "../../build/tftpd/usr/sbin")} {
		if path, err := exec.LookPath(filepath.Join(dir, "in.tftpd")); err == nil {
			program = path
		}
	}
	if program == "" {
		t.Skip("LEFT OUT: in.tftpd, of Debian's tftpd-hpa, is not here")
	}
	conn, err := net.ListenPacket("udp", r.tftp+":69")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	socket, err := conn.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	// It asks for the address that it is asked at, but only for what comes after it started.
	if err := unix.SetsockoptInt(int(socket.Fd()), unix.IPPROTO_IP, unix.IP_PKTINFO, 1); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	tftpd := exec.Command(program, "--user", "nobody", "--secure", root)
	tftpd.Stdin = socket
	if err := tftpd.Start(); err != nil {
		t.Fatal(err)
	}
	defer tftpd.Wait()
	defer tftpd.Process.Kill()

	code, out, v := r.flash(policyFile(), "--tftp-dir", root)
	if code != 0 || v.Result != engine.ResultVerified || len(failures(v.Attempts)) > 0 || len(v.Secondary) > 0 {
		t.Errorf("exit %d, verdict %+v\n%s", code, v, out)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
	r.equal()
}
